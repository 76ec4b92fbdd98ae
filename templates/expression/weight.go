package expression

import (
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// deepest is the maximum nesting of lists and maps that is followed.
const deepest = 64

// bytesPerUnit is the number of bytes of a text that count as one value.
const bytesPerUnit = 100

// weigh counts the values within a value, plus one for each bytesPerUnit bytes of text. It stops soon after
// ExpressionLimit.
func weigh(v ref.Val) int { return weight(v, ExpressionLimit, 0, bytesPerUnit) }

// weight is weigh with the given number of bytes per unit; it stops soon after the limit.
func weight(v ref.Val, limit, depth, bytes int) int {
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
			total += weight(v.GetValue(), limit, depth+1, bytes)
		}
	case traits.Lister:
		if items, made := v.Value().([]ref.Val); made {
			for i := 0; i < len(items) && total <= limit; i++ {
				total += weight(items[i], limit-total, depth+1, bytes)
			}
			break
		}
		for it := v.Iterator(); total <= limit && it.HasNext() == types.True; {
			total += weight(it.Next(), limit-total, depth+1, bytes)
		}
	case traits.Mapper:
		for it := v.Iterator(); total <= limit && it.HasNext() == types.True; {
			key := it.Next()
			total += weight(key, limit-total, depth+1, bytes)
			total += weight(v.Get(key), limit-total, depth+1, bytes)
		}
	}
	return total
}

func textLength(v ref.Val) int {
	s, _ := v.(types.String)
	return len(s)
}

func textOf(v ref.Val) string {
	s, _ := v.(types.String)
	return string(s)
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

// pieces returns the maximum number of texts that a split makes.
func pieces(args []ref.Val) int {
	if len(args) < 2 {
		return 0
	}
	n := strings.Count(textOf(args[0]), textOf(args[1])) + 1
	if len(args) > 2 {
		if limit, ok := args[2].(types.Int); ok && limit >= 0 {
			n = min(n, int(min(limit, tooMuch)))
		}
	}
	return n
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
		total += 1 + separator + textLength(it.Next())
	}
	return total
}

// formattedSize counts each argument once, because each format clause writes one of them; every value that is
// not text takes at most 32 bytes.
func formattedSize(args []ref.Val) int {
	total := 0
	for _, arg := range args {
		total += 32 * weight(arg, longestResult/32, 0, 32)
	}
	return total
}
