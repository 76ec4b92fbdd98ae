package requirement

import (
	"math"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// volumeRulesOf returns the requirements for the types that volumes consist of.
func volumeRulesOf(s *schema.Schema) rules {
	switch s.Type {
	case "core/v1.Volume":
		return rules{required: []string{"name"}, oneOf: slices.DeleteFunc(s.Names(), func(n string) bool { return n == "name" })}
	case "core/v1.EmptyDirVolumeSource":
		return rules{least: map[string]int64{"mode": 0}, most: map[string]int64{"mode": 0o1777}, texts: map[string]func(string) []string{"medium": medium}, also: emptyDir}
	case "core/v1.SecretVolumeSource":
		return files(rules{required: []string{"secretName"}})
	case "core/v1.ConfigMapVolumeSource":
		return files(rules{required: []string{"name"}})
	case "core/v1.DownwardAPIVolumeSource":
		return files(rules{})
	case "core/v1.ProjectedVolumeSource":
		return files(rules{also: projected})
	case "core/v1.VolumeProjection":
		return rules{oneOf: s.Names()}
	case "core/v1.SecretProjection", "core/v1.ConfigMapProjection":
		return rules{required: []string{"name"}}
	case "core/v1.ServiceAccountTokenProjection":
		r := file(rules{required: []string{"path"}})
		r.least["expirationSeconds"], r.most["expirationSeconds"] = 600, 1<<32
		return r
	case "core/v1.ClusterTrustBundleProjection":
		return file(rules{required: []string{"path"}, exactly: true, oneOf: []string{"name", "signerName"}})
	case "core/v1.DownwardAPIVolumeFile":
		return file(rules{required: []string{"path"}, exactly: true, oneOf: []string{"fieldRef", "resourceFieldRef"}})
	case "core/v1.KeyToPath":
		return file(rules{required: []string{"key", "path"}})
	case "core/v1.PersistentVolumeClaimVolumeSource":
		return rules{required: []string{"claimName"}}
	case "core/v1.EphemeralVolumeSource":
		return rules{required: []string{"volumeClaimTemplate"}}
	case "core/v1.PersistentVolumeClaimSpec":
		return rules{filled: []string{"accessModes"}, texts: map[string]func(string) []string{"accessModes": accessMode}}
	case "core/v1.CSIVolumeSource":
		return rules{required: []string{"driver"}}
	case "core/v1.ImageVolumeSource":
		return rules{required: []string{"reference"}, words: map[string][]string{"pullPolicy": {"Always", "IfNotPresent", "Never"}}}
	case "core/v1.NFSVolumeSource":
		return rules{required: []string{"server", "path"}, texts: map[string]func(string) []string{"path": absolute}}
	case "core/v1.HostPathVolumeSource":
		return rules{required: []string{"path"}, texts: map[string]func(string) []string{"path": descending}, words: map[string][]string{
			"type": {"DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"},
		}}
	}
	return rules{}
}

// files adds to the rules of a source of files those of the fields that all such sources have.
func files(r rules) rules {
	r.least = map[string]int64{"defaultMode": 0, "defaultUser": 0}
	r.most = map[string]int64{"defaultMode": 0o777, "defaultUser": math.MaxInt32}
	return r
}

// file adds to the rules of one file of a volume those of the fields that all files have.
func file(r rules) rules {
	r.least = map[string]int64{"mode": 0, "user": 0}
	r.most = map[string]int64{"mode": 0o777, "user": math.MaxInt32}
	r.texts = map[string]func(string) []string{"path": unreserved}
	return r
}

// unreserved checks the path of a file in a volume that the kubelet writes.
func unreserved(text string) []string {
	if wrong := relative(text); wrong != nil {
		return wrong
	}
	if strings.HasPrefix(text, "..") {
		return []string{"write a path that does not begin with .."}
	}
	return nil
}

func descending(text string) []string {
	if slices.Contains(strings.Split(text, "/"), "..") {
		return []string{"write a path without .."}
	}
	return nil
}

func absolute(text string) []string {
	if !path.IsAbs(text) {
		return []string{"write a path that begins with /"}
	}
	return nil
}

// medium checks what an emptyDir is kept in. The API server takes any text, but the kubelet starts no pod with
// an unknown one.
func medium(text string) []string {
	known := []string{"Memory", "HugePages"}
	if slices.Contains(known, text) {
		return nil
	}
	if size, ok := strings.CutPrefix(text, "HugePages-"); ok {
		if q, err := schema.ParseQuantity(size); err == nil && q.Sign() > 0 {
			return nil
		}
	}
	return []string{message.DidYouMean(text, known, "want Memory, HugePages or HugePages-SIZE, or leave it out")}
}

func emptyDir(c *checker, o object) {
	limit, ok := o.Get("sizeLimit")
	if !ok {
		return
	}
	if q, err := schema.ParseQuantity(scalar(limit)); err == nil && q.Sign() < 0 {
		c.bad(o.at.Member("sizeLimit"), "write an amount of zero or more", "%s is less than zero", message.Quote(scalar(limit)))
	}
}

// projected checks that no file of a volume is written twice.
func projected(c *checker, o object) {
	seen := map[string]bool{}
	once := func(at *schema.Path, file string) {
		if file != "" && seen[file] {
			c.bad(at, "choose another path", "file %s is there twice", message.Quote(file))
		}
		seen[file] = true
	}
	for i, source := range program.Objects(o.List("sources")) {
		for _, m := range source {
			from, _ := m.Value.(program.Object)
			at := o.at.Member("sources").Item(i).Member(m.Name)
			if m.Name == "clusterTrustBundle" {
				once(at.Member("path"), from.Text("path"))
			}
			for j, file := range program.Objects(from.List("items")) {
				once(at.Member("items").Item(j).Member("path"), file.Text("path"))
			}
		}
	}
}

// address checks an IP address.
func address(text string) []string {
	if wrong := validation.IsValidIPForLegacyField(nil, text, false, nil); len(wrong) > 0 {
		return []string{"write an IP address such as 10.0.0.10"}
	}
	return nil
}

// searchPath checks a domain that names are looked up in.
func searchPath(text string) []string {
	if text == "." {
		return nil
	}
	return validation.IsDNS1123SubdomainWithUnderscore(strings.TrimSuffix(text, "."))
}

// dnsConfig checks the number of servers and domains, which the API server limits.
func dnsConfig(c *checker, o object) {
	const servers, domains, characters = 3, 32, 2048
	if n := len(o.List("nameservers")); n > servers {
		c.bad(o.at.Member("nameservers"), "write at most 3", "%d are more than %d name servers", n, servers)
	}
	length := 0
	for _, item := range o.List("searches") {
		text, _ := item.(string)
		length += len(text) + 1
	}
	if n := len(o.List("searches")); n > domains || length-1 > characters {
		c.bad(o.at.Member("searches"), "write fewer", "%d with %d characters are more than %d with %d", n, length-1, domains, characters)
	}
}

// toleration checks how the fields of a toleration go together.
func toleration(c *checker, o object) {
	operator := o.Text("operator")
	if o.Text("key") == "" && operator != "Exists" {
		c.bad(o.at, "name a key, or write operator: Exists for all", "a toleration without key tolerates all taints, which only operator Exists does")
	}
	if _, ok := o.Get("tolerationSeconds"); ok && o.Text("effect") != "NoExecute" {
		c.bad(o.at.Member("tolerationSeconds"), "write effect: NoExecute, or drop it", "only the effect NoExecute is tolerated for a time")
	}
	value := o.Text("value")
	switch wrong := validation.IsValidLabelValue(value); {
	case operator == "Exists" && value != "":
		c.bad(o.at.Member("value"), "drop it, or write operator: Equal", "operator Exists takes no value")
	case (operator == "" || operator == "Equal") && len(wrong) > 0:
		c.bad(o.at.Member("value"), wrong[0], "%s is no value of a taint", message.Quote(value))
	}
}

func accessMode(text string) []string {
	modes := []string{"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"}
	if slices.Contains(modes, text) {
		return nil
	}
	short := map[string]string{"RWO": modes[0], "ROX": modes[1], "RWX": modes[2], "RWOP": modes[3]}[text]
	if short != "" {
		return []string{"write " + short}
	}
	return []string{message.DidYouMean(text, modes, "want "+strings.Join(modes, " or "))}
}

// HasColon reports whether a mount path has a colon, which no path in a container should have. One on Windows may
// begin with a drive.
func HasColon(path string, windows bool) bool {
	if windows && len(path) > 1 && path[1] == ':' && strings.Trim(strings.ToLower(path[:1]), "abcdefghijklmnopqrstuvwxyz") == "" {
		path = path[2:]
	}
	return strings.Contains(path, ":")
}
