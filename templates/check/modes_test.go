package check_test

import "testing"

func TestModesAreOctalNumbers(t *testing.T) {
	volume := func(fields string) string { return pod("", ", volumes: [{name: v, "+fields+"}]") }
	wantFindings(t, map[string][]string{
		volume("secret: {secretName: s, defaultMode: 440, items: [{key: a, path: b, mode: 400}]}"): {
			"spec.pod.spec.volumes[0].secret.defaultMode: the decimal number 440 is the mode 0670 [BadValue]",
			"spec.pod.spec.volumes[0].secret.items[0].mode: the decimal number 400 is the mode 0620 [BadValue]",
		},
		volume("projected: {defaultMode: 444, sources: [{configMap: {name: c, items: [{key: a, path: b, mode: 500}]}}]}"): {
			"spec.pod.spec.volumes[0].projected.defaultMode: the decimal number 444 is the mode 0674 [BadValue]",
			"spec.pod.spec.volumes[0].projected.sources[0].configMap.items[0].mode: the decimal number 500 is the mode 0764 [BadValue]",
		},
		volume("secret: {secretName: s, defaultMode: 0440}"):                                                                  nil,
		volume("secret: {secretName: s, defaultMode: 0o440}"):                                                                 nil,
		volume("secret: {secretName: s, defaultMode: 420}"):                                                                   nil,
		volume("configMap: {name: c, defaultMode: 256}"):                                                                      nil,
		volume("configMap: {name: c, defaultMode: 511}"):                                                                      nil,
		volume("configMap: {name: c, defaultMode: 644}"):                                                                      {`spec.pod.spec.volumes[0].configMap.defaultMode: 01204 is more than 0777 [BadValue]`},
		volume("csi: {driver: d, volumeAttributes: {mode: '440'}}"):                                                           nil,
		"parameters: [{name: m, type: integer, default: 440}], " + volume("configMap: {name: c, defaultMode: '${params.m}'}"): nil,
	})
}
