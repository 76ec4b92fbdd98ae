//go:build controlplane

package controlplane

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// startReplica starts the container of the installed chart's Deployment as a kubelet would, with its service
// account, and makes the chart's Service lead to it. It does not wait until it is ready.
func startReplica(t *testing.T) *replica {
	t.Helper()
	r := startPod(t, releaseName+"-0")
	host, port, err := net.SplitHostPort(r.address)
	must(t, err)
	serveAt(t, host, port)
	return r
}

// startPod starts another replica with the pod name.
func startPod(t *testing.T, pod string) *replica {
	t.Helper()
	deployment, err := suite.client.AppsV1().Deployments(releaseName).Get(t.Context(), releaseName, metav1.GetOptions{})
	must(t, err)
	spec := &deployment.Spec.Template.Spec
	folder := t.TempDir()
	mountVolumes(t, spec, folder)
	var flags []string
	for _, arg := range spec.Containers[0].Args[1:] {
		// In a real pod all ports are free, and there is time to drain.
		if name, _, _ := strings.Cut(arg, "="); name != "--listen" && name != "--drain" {
			flags = append(flags, strings.ReplaceAll(arg, "/etc/sidecar-injector", folder))
		}
	}
	i := &installation{t: t, name: releaseName, namespace: releaseName, kubeconfig: accountKubeconfig(t, spec.ServiceAccountName)}
	return i.start(pod, ownAddress(t), flags...)
}

// mountVolumes does what a kubelet does for the volumes that the container mounts from ConfigMaps and Secrets.
func mountVolumes(t *testing.T, pod *corev1.PodSpec, folder string) {
	t.Helper()
	for _, volume := range pod.Volumes {
		files := map[string][]byte{}
		switch {
		case volume.ConfigMap != nil:
			source, err := suite.client.CoreV1().ConfigMaps(releaseName).Get(t.Context(), volume.ConfigMap.Name, metav1.GetOptions{})
			must(t, err)
			for name, text := range source.Data {
				files[name] = []byte(text)
			}
		case volume.Secret != nil:
			source, err := suite.client.CoreV1().Secrets(releaseName).Get(t.Context(), volume.Secret.SecretName, metav1.GetOptions{})
			must(t, err)
			files = source.Data
		default:
			continue
		}
		at := pod.Containers[0].VolumeMounts[slices.IndexFunc(pod.Containers[0].VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume.Name })]
		target := strings.Replace(at.MountPath, "/etc/sidecar-injector", folder, 1)
		if at.SubPath != "" {
			target = filepath.Dir(target)
		}
		must(t, os.MkdirAll(target, 0o700))
		for name, data := range files {
			must(t, os.WriteFile(filepath.Join(target, name), data, 0o600))
		}
	}
}

// accountKubeconfig returns a kubeconfig file with a service account of the chart's namespace.
func accountKubeconfig(t *testing.T, name string) string {
	t.Helper()
	token, err := suite.client.CoreV1().ServiceAccounts(releaseName).CreateToken(t.Context(), name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(3600))}}, metav1.CreateOptions{})
	must(t, err)
	config := clientcmdapi.NewConfig()
	config.Clusters["plane"] = &clientcmdapi.Cluster{Server: suite.config.Host, CertificateAuthorityData: suite.config.CAData}
	config.AuthInfos["account"] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts["plane"] = &clientcmdapi.Context{Cluster: "plane", AuthInfo: "account", Namespace: releaseName}
	config.CurrentContext = "plane"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, clientcmd.WriteToFile(*config, file))
	return file
}

// serveAt makes the Service lead to one address, as the endpoint controller would. The API server calls
// endpoints itself, so Service addresses need not be reachable.
func serveAt(t *testing.T, ip, port string) {
	t.Helper()
	number, err := strconv.ParseInt(port, 10, 32)
	must(t, err)
	slices := suite.client.DiscoveryV1().EndpointSlices(releaseName)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{GenerateName: releaseName + "-", Labels: map[string]string{discoveryv1.LabelServiceName: releaseName}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{ip}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}},
		Ports:       []discoveryv1.EndpointPort{{Name: new("webhook"), Port: new(int32(number)), Protocol: new(corev1.ProtocolTCP)}},
	}
	slice, err = slices.Create(t.Context(), slice, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		if err := slices.Delete(context.Background(), slice.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// ownAddress returns an address of this machine that endpoints may have: not a loopback address.
func ownAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	must(t, err)
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	t.Fatal("this machine has no address but the loopback's")
	return ""
}

// bundles returns the CA bundles of the chart's webhooks, by name.
func bundles(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	registered := suite.client.AdmissionregistrationV1()
	m, err := registered.MutatingWebhookConfigurations().Get(ctx, releaseName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	for _, w := range m.Webhooks {
		found[w.Name] = string(w.ClientConfig.CABundle)
	}
	v, err := registered.ValidatingWebhookConfigurations().Get(ctx, releaseName, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	for _, w := range v.Webhooks {
		found[w.Name] = string(w.ClientConfig.CABundle)
	}
	return found, nil
}
