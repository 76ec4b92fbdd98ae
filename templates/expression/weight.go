package expression

import (
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/cel/library"
)

// deepest is how far lists and maps within each other are followed.
const deepest = 64

// weight counts the values within a value, and a string as one for each hundred
// bytes. It stops soon after the limit.
func weight(v ref.Val, limit int) int { return weigh(v, limit, 0, 100) }

// weigh counts as weight does, with a string of so many bytes as one more.
func weigh(v ref.Val, limit, depth, bytes int) int {
	if depth > deepest {
		return limit + 1
	}
	total := 1
	switch v := v.(type) {
	case types.String:
		total += len(v) / bytes
	case types.Bytes:
		total += len(v) / bytes
	case *types.Optional:
		if v.HasValue() {
			total += weigh(v.GetValue(), limit, depth+1, bytes)
		}
	case traits.Lister:
		for it := v.Iterator(); total <= limit && it.HasNext() == types.True; {
			total += weigh(it.Next(), limit-total, depth+1, bytes)
		}
	case traits.Mapper:
		for it := v.Iterator(); total <= limit && it.HasNext() == types.True; {
			key := it.Next()
			total += weigh(key, limit-total, depth+1, bytes)
			total += weigh(v.Get(key), limit-total, depth+1, bytes)
		}
	}
	return total
}

func tooHeavy(args []ref.Val) bool {
	total := 0
	for _, arg := range args {
		total += weight(arg, heaviestOperand)
	}
	return total > heaviestOperand
}

func textLength(v ref.Val) int {
	s, _ := v.(types.String)
	return len(s)
}

func replacedSize(args []ref.Val) int {
	if len(args) < 3 {
		return 0
	}
	text, old, replacement := textLength(args[0]), textLength(args[1]), textLength(args[2])
	places := text + 1
	if old > 0 {
		places = text / old
	}
	if len(args) > 3 {
		if limit, ok := args[3].(types.Int); ok && limit >= 0 {
			places = min(places, int(min(limit, longestResult)))
		}
	}
	return text + places*replacement
}

func joinedSize(args []ref.Val) int {
	list, ok := args[0].(traits.Lister)
	if !ok {
		return 0
	}
	separator := 0
	if len(args) > 1 {
		separator = textLength(args[1])
	}
	total := 0
	for it := list.Iterator(); total <= longestResult && it.HasNext() == types.True; {
		total += separator + textLength(it.Next())
	}
	return total
}

func rangeSize(args []ref.Val) int {
	n, _ := args[0].(types.Int)
	return int(min(max(n, 0), longestResult+1))
}

// formattedSize counts each argument once: a clause writes one of them, and
// what is no string in at most 32 bytes for each value.
func formattedSize(args []ref.Val) int {
	total := 0
	for _, arg := range args {
		total += 32 * weigh(arg, longestResult/32, 0, 32)
	}
	return total
}

// costs is how Kubernetes counts, but for what tooHeavy weighs: there the cost
// follows the weight.
type costs struct {
	library.CostEstimator
}

// CallCost implements interpreter.ActualCostEstimator.
func (c *costs) CallCost(function, overload string, args []ref.Val, result ref.Val) *uint64 {
	switch function {
	case operators.Equals, operators.NotEquals, operators.In, "sets.contains", "sets.equivalent", "sets.intersects":
		total, container := 0, false
		for _, arg := range args {
			switch arg.(type) {
			case traits.Lister, traits.Mapper:
				container = true
			}
			total += weight(arg, heaviestOperand)
		}
		if container {
			cost := uint64(total/10 + 1)
			return &cost
		}
	}
	return c.CostEstimator.CallCost(function, overload, args, result)
}
