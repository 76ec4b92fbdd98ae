package rollout

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// side returns a pod with a running app, and a sidecar with the given status.
func side(ready bool, sidecar corev1.ContainerStatus) *corev1.Pod {
	sidecar.Name = "side"
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	return &corev1.Pod{Status: corev1.PodStatus{
		Conditions:            []corev1.PodCondition{{Type: corev1.PodReady, Status: status}},
		InitContainerStatuses: []corev1.ContainerStatus{sidecar},
		ContainerStatuses:     []corev1.ContainerStatus{{Name: "app", ContainerID: "app-0", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
	}}
}

func runs(id string, restarts int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{ContainerID: id, RestartCount: restarts, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
}

func waits(reason, image string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Image: image, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

// TestAChangedSidecarStartsOnceAndNothingElseDoes checks a pod's status at several times after its
// sidecar's image changed.
func TestAChangedSidecarStartsOnceAndNothingElseDoes(t *testing.T) {
	restartedApp := side(true, runs("side-1", 1))
	restartedApp.Status.ContainerStatuses[0].RestartCount = 1
	for name, test := range map[string]struct {
		before, now *corev1.Pod
		well        bool
		trouble     string
	}{
		"the kubelet has not looked":        {side(true, runs("side-0", 0)), side(true, runs("side-0", 0)), false, ""},
		"it has started, the pod is behind": {side(true, runs("side-0", 0)), side(false, runs("side-1", 1)), false, ""},
		"it has started":                    {side(true, runs("side-0", 0)), side(true, runs("side-1", 1)), true, ""},
		"it has started twice":              {side(true, runs("side-0", 0)), side(true, runs("side-2", 2)), false, "container side was restarted"},
		"the app was restarted":             {side(true, runs("side-0", 0)), restartedApp, false, "container app was restarted"},
		"the image does not come":           {side(true, runs("side-0", 0)), side(false, waits("ErrImagePull", "side:2")), false, "ErrImagePull"},
		"it had no image before":            {side(false, waits("ErrImagePull", "side:1")), side(false, waits("ErrImagePull", "side:1")), false, ""},
		"it has none now either":            {side(false, waits("ErrImagePull", "side:1")), side(false, waits("ErrImagePull", "side:2")), false, "ErrImagePull"},
		"it has one now":                    {side(false, waits("ErrImagePull", "side:1")), side(false, runs("side-0", 0)), true, ""},
		"the pod has not been started":      {&corev1.Pod{}, &corev1.Pod{}, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			well, trouble := conditionOf(test.before).since(test.now, []string{"side"})
			if well != test.well || !strings.Contains(trouble, test.trouble) || (trouble == "") != (test.trouble == "") {
				t.Errorf("got %v and %q, want %v and %q", well, trouble, test.well, test.trouble)
			}
		})
	}
}
