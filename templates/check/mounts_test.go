package check_test

import "testing"

func TestMountsHaveVolumesAndPathsOfTheirOwn(t *testing.T) {
	const volume = ", volumes: [{name: data, emptyDir: {}}]"
	wantFindings(t, map[string][]string{
		pod(", volumeMounts: [{name: dat, mountPath: /a}]", volume):                                        {`spec.pod.spec.containers[0].volumeMounts[0].name: the template has no volume "dat" [MountWithoutVolume]`},
		pod(", volumeMounts: [{name: kube-api-access-x, mountPath: /a}]", volume):                          {`spec.pod.spec.containers[0].volumeMounts[0].name: volume "kube-api-access-x" belongs to Kubernetes [ReservedName]`},
		pod(", volumeMounts: [{name: data, mountPath: /a}, {name: data, mountPath: /a/}]", volume):         {`spec.pod.spec.containers[0].volumeMounts[1].mountPath: path "/a" is mounted twice in this container [DuplicateMountPath]`},
		pod(", volumeMounts: [{name: data, mountPath: '/a:b', subPath: a/../b}]", volume):                  {`spec.pod.spec.containers[0].volumeMounts[0].mountPath: path "/a:b" has a colon [BadValue]`, `spec.pod.spec.containers[0].volumeMounts[0].subPath: "a/../b" cannot stand here [BadValue]`},
		pod(", env: [{name: A, valueFrom: {fileKeyRef: {volumeName: dat, path: a, key: K}}}]", volume):     {`spec.pod.spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: the template has no volume "dat" [MountWithoutVolume]`},
		pod(", env: [{name: A, valueFrom: {fileKeyRef: {volumeName: data, path: ../a, key: K}}}]", volume): {`spec.pod.spec.containers[0].env[0].valueFrom.fileKeyRef.path: "../a" cannot stand here [BadValue]`},
		pod(", env: [{name: A, valueFrom: {fileKeyRef: {volumeName: data, path: a/b, key: K}}}]", volume):  nil,
		"app: {env: [{name: A, valueFrom: {fileKeyRef: {volumeName: none, path: a, key: K}}}]}":            {`spec.app.env[0].valueFrom.fileKeyRef.volumeName: the template has no volume "none" [MountWithoutVolume]`},
		"app: {env: [{name: A, valueFrom: {fileKeyRef: {volumeName: '${app.name}', path: a, key: K}}}]}":   nil,
		"app: {volumeMounts: [{name: none, mountPath: /a}]}":                                               {`spec.app.volumeMounts[0].name: the template has no volume "none" [MountWithoutVolume]`},
		"app: {volumeMounts: [{name: '${app.name}', mountPath: /a}]}":                                      nil,
		pod(", volumeMounts: [{name: data, mountPath: /a, subPath: b}]", volume):                           nil,
		pod(", volumeMounts: [{name: data, mountPath: 'C:\\logs'}]", volume):                               {`spec.pod.spec.containers[0].volumeMounts[0].mountPath: path "C:\\logs" has a colon [BadValue]`},
		pod(", volumeMounts: [{name: data, mountPath: 'C:\\logs'}]", volume) + ", supports: [windows]":     nil,
		pod(", volumeMounts: [{name: data, mountPath: 'c:/logs:x'}]", volume) + ", supports: [windows]":    {`spec.pod.spec.containers[0].volumeMounts[0].mountPath: path "c:/logs:x" has a colon [BadValue]`},
	})
}
