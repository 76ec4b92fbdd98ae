package rawjson_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/rawjson"
)

// BenchmarkSkip passes JSON of the shape of a large pod; json.Valid is what
// checking every byte costs.
func BenchmarkSkip(b *testing.B) {
	var containers []any
	for i := range 30 {
		env := []any{}
		for k := range 20 {
			env = append(env, map[string]any{"name": fmt.Sprintf("VARIABLE_%d", k), "value": fmt.Sprintf("value %d of %d", k, i)})
		}
		containers = append(containers, map[string]any{"name": fmt.Sprintf("app-%d", i), "image": "registry.example.com/team/app:1.2.3", "env": env})
	}
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"containers": containers}})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("cursor", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := rawjson.New(data).Skip(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("json.Valid", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if !json.Valid(data) {
				b.Fatal("not valid")
			}
		}
	})
}
