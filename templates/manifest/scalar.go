package manifest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

type scalarKind int

const (
	stringScalar scalarKind = iota
	nullScalar
	boolScalar
	intScalar
	floatScalar
)

// scalar is the value that Kubernetes reads in a YAML scalar.
type scalar struct {
	kind scalarKind
	// text is the string, or the JSON of a boolean or integer.
	text  string
	float float64
}

// resolveScalar returns the value of a scalar node by the rules of sigs.k8s.io/yaml, which are those of YAML
// 1.1: yes and on are true.
func resolveScalar(n *yaml.Node) (scalar, error) {
	tag := ""
	if n.Style&yaml.TaggedStyle != 0 {
		tag = n.Tag
	} else if n.Style&^yaml.TaggedStyle != 0 {
		return scalar{text: n.Value}, nil
	}
	switch tag {
	case "", "!!bool", "!!int", "!!float", "!!null", "!!timestamp":
	case "!!binary":
		data, err := base64.StdEncoding.DecodeString(n.Value)
		if err != nil {
			return scalar{}, errors.New("!!binary value is not base64")
		}
		return scalar{text: string(data)}, nil
	default:
		return scalar{text: n.Value}, nil
	}
	value := resolvePlain(n.Value)
	switch {
	case tag == "!!float" && value.kind == intScalar:
		f, err := strconv.ParseFloat(value.text, 64)
		return scalar{kind: floatScalar, float: f}, err
	case tag == "!!timestamp" && value.kind == stringScalar && isTime(n.Value):
		return value, nil
	case tag != "" && tag != kindTag(value.kind):
		return scalar{}, fmt.Errorf("value %s does not fit its tag %s", message.Quote(n.Value), tag)
	case value.kind == floatScalar && (math.IsInf(value.float, 0) || math.IsNaN(value.float)):
		return scalar{}, fmt.Errorf("value %s has no equal in JSON; for a string, write it in quotes", message.Quote(n.Value))
	}
	return value, nil
}

func kindTag(k scalarKind) string {
	switch k {
	case nullScalar:
		return "!!null"
	case boolScalar:
		return "!!bool"
	case intScalar:
		return "!!int"
	case floatScalar:
		return "!!float"
	case stringScalar:
	}
	return "!!str"
}

var floatForm = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// PlainString reports whether Kubernetes reads the text, as a scalar without quotes and tag, as a string.
func PlainString(text string) bool { return resolvePlain(text).kind == stringScalar }

// resolvePlain returns the value of a plain scalar without tag.
func resolvePlain(s string) scalar {
	if s == "" {
		return scalar{kind: nullScalar, text: "null"}
	}
	switch s[0] {
	case 'y', 'Y', 'n', 'N', 't', 'T', 'f', 'F', 'o', 'O', '~':
		return resolveWord(s)
	case '.':
		switch s {
		case ".nan", ".NaN", ".NAN":
			return scalar{kind: floatScalar, float: math.NaN()}
		case ".inf", ".Inf", ".INF":
			return scalar{kind: floatScalar, float: math.Inf(1)}
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return scalar{kind: floatScalar, float: f}
		}
	case '+', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return resolveNumber(s)
	}
	return scalar{text: s}
}

func resolveWord(s string) scalar {
	switch s {
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return scalar{kind: boolScalar, text: "true"}
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return scalar{kind: boolScalar, text: "false"}
	case "~", "null", "Null", "NULL":
		return scalar{kind: nullScalar, text: "null"}
	}
	return scalar{text: s}
}

// resolveNumber follows the rules of Kubernetes' library: Go's notations for integers with underscores
// anywhere, decimal floats, and 0b.
func resolveNumber(s string) scalar {
	switch s {
	case "+.inf", "+.Inf", "+.INF":
		return scalar{kind: floatScalar, float: math.Inf(1)}
	case "-.inf", "-.Inf", "-.INF":
		return scalar{kind: floatScalar, float: math.Inf(-1)}
	}
	if isTime(s) {
		return scalar{text: s}
	}
	digits := strings.ReplaceAll(s, "_", "")
	if i, err := strconv.ParseInt(digits, 0, 64); err == nil {
		return scalar{kind: intScalar, text: strconv.FormatInt(i, 10)}
	}
	if u, err := strconv.ParseUint(digits, 0, 64); err == nil {
		return scalar{kind: intScalar, text: strconv.FormatUint(u, 10)}
	}
	if floatForm.MatchString(digits) {
		if f, err := strconv.ParseFloat(digits, 64); err == nil {
			return scalar{kind: floatScalar, float: f}
		}
	}
	return scalar{text: s}
}

// isTime reports whether a plain scalar is a time in YAML; Kubernetes reads
// those as strings.
func isTime(s string) bool {
	if len(s) < 5 || s[4] != '-' || strings.Trim(s[:4], "0123456789") != "" {
		return false
	}
	for _, form := range []string{
		"2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999", "2006-1-2",
	} {
		if _, err := time.Parse(form, s); err == nil {
			return true
		}
	}
	return false
}
