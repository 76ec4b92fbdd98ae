package rollout

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestAWaitEndsWhenItsTimeIsUp: only progress that was never made before prolongs it.
func TestAWaitEndsWhenItsTimeIsUp(t *testing.T) {
	for name, test := range map[string]struct {
		progress func(waited time.Duration) int
		want     time.Duration
	}{
		"nothing changes":      {func(time.Duration) int { return 3 }, time.Minute},
		"a pod comes and goes": {func(waited time.Duration) int { return int(waited.Seconds()) % 2 }, time.Minute + 2*time.Second},
		"fewer and fewer":      {func(waited time.Duration) int { return -int(waited.Seconds()) }, time.Minute},
		"one more after 50 seconds, and back": {func(waited time.Duration) int {
			if waited > 50*time.Second && waited < 55*time.Second {
				return 1
			}
			return 0
		}, 115 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				late, begun := errors.New("late"), time.Now()
				err := quiet(Limits{Timeout: time.Minute}).wait(t.Context(), func() error { return late }, func() (bool, int, error) {
					return false, test.progress(time.Since(begun)), nil
				})
				if took := time.Since(begun); !errors.Is(err, late) || took < time.Minute || took > test.want {
					t.Errorf("it took %s, want at most %s: %v", took, test.want, err)
				}
			})
		})
	}
}

// TestALongWaitAsksLessOften: with long answers as well.
func TestALongWaitAsksLessOften(t *testing.T) {
	for answer, most := range map[time.Duration]int{time.Millisecond: 90, time.Second: 40} {
		synctest.Test(t, func(t *testing.T) {
			asked := 0
			err := quiet(Limits{Timeout: 5 * time.Minute}).wait(t.Context(), func() error { return errors.New("late") }, func() (bool, int, error) {
				asked++
				time.Sleep(answer)
				return false, 0, nil
			})
			if err == nil || asked > most || asked < most/2 {
				t.Errorf("answers of %s: %d questions in 5 minutes, want at most %d (%v)", answer, asked, most, err)
			}
		})
	}
}
