package doctor

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// soonExpired is how long before the expiry of a CA bundle a warning begins. The injector renews its own
// authority long before that.
const soonExpired = 7 * 24 * time.Hour

// bundle is the parsed CA bundle of a webhook configuration.
type bundle struct {
	certificates []*x509.Certificate
	// broken counts the parts that are not certificates. A single one makes the API server reject the whole
	// bundle.
	broken int
}

func readBundle(text []byte) bundle {
	var b bundle
	for {
		var block *pem.Block
		block, rest := pem.Decode(text)
		if block == nil {
			if len(bytes.TrimSpace(text)) > 0 {
				b.broken++
			}
			return b
		}
		text = rest
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || block.Type != "CERTIFICATE" {
			b.broken++
			continue
		}
		b.certificates = append(b.certificates, cert)
	}
}

// bundleFix says what writes the bundle of a configuration, and what to do if it does not.
func bundleFix(f *Facts, configuration metav1.Object) string {
	i := f.installation()
	for _, key := range []string{"cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret"} {
		if configuration.GetAnnotations()[key] != "" {
			return "cert-manager's cainjector writes it: kubectl logs -n cert-manager deploy/cert-manager-cainjector; kubectl get certificate -n " + i.Namespace
		}
	}
	switch {
	case i.Namespace == "":
		return "put the authority's certificate (PEM) into clientConfig.caBundle of each entry"
	case madeByOthers(f):
		return fmt.Sprintf("the injector writes what ca.crt of its certificate's Secret holds: put the authority that signed tls.crt there, and see kubectl logs -n %s deploy/%s", i.Namespace, i.Name)
	}
	return fmt.Sprintf("the injector writes it within seconds; if it does not, its log says why: kubectl logs -n %s deploy/%s. It needs patch on the webhook configurations named %s, and nobody else may write the field (GitOps tools: ignore differences in caBundle)",
		i.Namespace, i.Name, configuration.GetName())
}

// madeByOthers reports whether the injector gets its certificate from files instead of issuing it.
func madeByOthers(f *Facts) bool {
	d := f.Deployment.Value
	if d == nil {
		return false
	}
	for _, c := range d.Spec.Template.Spec.Containers {
		if slices.ContainsFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, "--certificate-dir") }) {
			return true
		}
	}
	return false
}

func caBundle(f *Facts) []Finding {
	var found []Finding
	for _, c := range f.ours() {
		for _, w := range c.Webhooks {
			if finding, wrong := bundleFinding(f, &c, w.Name, &w.ClientConfig, failure); wrong {
				found = append(found, finding)
			}
		}
	}
	if c := f.validating(); c != nil {
		for _, w := range c.Webhooks {
			// Its entries have the failurePolicy Ignore, so that only advice is lost.
			if finding, wrong := bundleFinding(f, c, w.Name, &w.ClientConfig, warning); wrong {
				found = append(found, finding)
			}
		}
	}
	if len(found) == 0 && len(f.ours()) > 0 {
		return ok("every entry has a CA bundle that is valid now")
	}
	return found
}

// bundleFinding checks the bundle of one entry; bad makes the finding for a useless one. It returns false
// if nothing is wrong.
func bundleFinding(f *Facts, c metav1.Object, entry string, client *admissionregistrationv1.WebhookClientConfig, bad func(text, cause, fix string) Finding) (Finding, bool) {
	what := fmt.Sprintf("the CA bundle of entry %s of webhook configuration %s", entry, c.GetName())
	text := client.CABundle
	if len(text) == 0 {
		if client.URL != nil {
			return warning(what+" is empty", "the API server then trusts the authorities of its own machine only", bundleFix(f, c)), true
		}
		return bad(what+" is empty", "the API server trusts nobody, so that every call of the injector fails", bundleFix(f, c)), true
	}
	b := readBundle(text)
	if b.broken > 0 || len(b.certificates) == 0 {
		return bad(what+" cannot be read", "something in it is no certificate in PEM; the API server then refuses the whole bundle", bundleFix(f, c)), true
	}
	valid := slices.DeleteFunc(slices.Clone(b.certificates), func(cert *x509.Certificate) bool {
		return f.Now.After(cert.NotAfter) || f.Now.Before(cert.NotBefore)
	})
	if len(valid) == 0 {
		last := slices.MaxFunc(b.certificates, func(x, y *x509.Certificate) int { return x.NotAfter.Compare(y.NotAfter) })
		when := "has expired on " + last.NotAfter.UTC().Format(time.DateTime)
		if f.Now.Before(last.NotBefore) {
			when = "is not valid before " + last.NotBefore.UTC().Format(time.DateTime)
		}
		return bad(what+" "+when, "no certificate that it signed is believed any more (or a clock is wrong)", bundleFix(f, c)), true
	}
	if secret := authority(f.Secret.Value); secret != nil && !slices.ContainsFunc(b.certificates, secret.Equal) {
		return bad(what+" does not hold the authority of Secret "+f.Secret.Value.Name,
			"the injector's certificates are signed by another authority than the one that the API server trusts", bundleFix(f, c)), true
	}
	last := slices.MaxFunc(valid, func(x, y *x509.Certificate) int { return x.NotAfter.Compare(y.NotAfter) })
	if left := last.NotAfter.Sub(f.Now); left < soonExpired {
		return warning(fmt.Sprintf("%s expires in %s", what, age(left)), "after that, no call of the injector succeeds", bundleFix(f, c)), true
	}
	return Finding{}, false
}

// authority returns the certificate of the authority in the Secret; nil if there is none.
func authority(secret *corev1.Secret) *x509.Certificate {
	if secret == nil {
		return nil
	}
	b := readBundle(secret.Data[corev1.TLSCertKey])
	if len(b.certificates) == 0 {
		return nil
	}
	return b.certificates[0]
}

func caSecret(f *Facts) []Finding {
	if f.Deployment.Value == nil || madeByOthers(f) {
		return nil
	}
	i, s := f.installation(), f.Secret.Value
	name := i.Name + "-ca"
	logs := fmt.Sprintf("the injector makes it anew within seconds; if it does not, its log says why: kubectl logs -n %s deploy/%s", i.Namespace, i.Name)
	switch {
	case f.Secret.Err != nil:
		return nil // few users may read Secrets, and the dry run shows more
	case s == nil:
		return []Finding{failure(fmt.Sprintf("Secret %s/%s does not exist", i.Namespace, name), "without an authority no replica gets ready", logs)}
	case len(s.Data[corev1.TLSCertKey]) == 0:
		return []Finding{failure(fmt.Sprintf("Secret %s/%s is empty", i.Namespace, name), "no replica has made the authority yet", logs)}
	}
	cert := authority(s)
	switch {
	case cert == nil:
		return []Finding{failure(fmt.Sprintf("Secret %s/%s holds no certificate", i.Namespace, name), "somebody wrote garbage into it", logs)}
	case f.Now.After(cert.NotAfter):
		return []Finding{failure(fmt.Sprintf("the authority in Secret %s/%s has expired on %s", i.Namespace, name, cert.NotAfter.UTC().Format(time.DateTime)), "it was not renewed in time, or a clock is wrong", logs)}
	}
	return ok("the authority is valid until %s", cert.NotAfter.UTC().Format(time.DateOnly))
}

// age formats a duration in its largest unit of at least 2.
func age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d s", int(d.Seconds()))
}
