package schema

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
)

func TestQuantitiesThatNeverEndAreRefused(t *testing.T) {
	for _, text := range []string{
		"1e999999999", "1E999999999", "-1e999999999", "1e-999999999", "1e+999999999", "1e99999999999999999999", "0e999999999",
		"1e19", "0.000000000000000000000000000000000000000000000000000000000000001", "1ee5", "1e5e5",
	} {
		if q, err := ParseQuantity(text); err == nil {
			t.Errorf("%s: got %v, want an error", text, q.MilliValue())
		}
	}
}

func TestOrdinaryQuantitiesAreWhatKubernetesReads(t *testing.T) {
	for _, text := range []string{"0", "1", "100m", "64Mi", "1.5Gi", "1E", "1Ei", "2e3", "1e-3", "1e18", "1e+3", "12k", "-5", "1n", "x", "", "1e", "Ei", "e5"} {
		want, wantErr := resource.ParseQuantity(text)
		got, err := ParseQuantity(text)
		if (err == nil) != (wantErr == nil) || err == nil && got.Cmp(want) != 0 {
			t.Errorf("%q: got %v, %v, want %v, %v", text, got.String(), err, want.String(), wantErr)
		}
	}
}
