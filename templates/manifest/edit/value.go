package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// member is one member of a JSON object.
type member struct {
	name  string
	value any
}

// members are those of a JSON object, in order. The other types of a decoded value are nil, bool, string,
// json.Number and []any. A number has the notation of the text.
type members []member

// longestKey is the maximum length of a key in bytes: YAML looks for the colon within 1,024 characters.
const longestKey = 1000

var errLongKey = fmt.Errorf("key is longer than %d bytes", longestKey)

// decode reads one JSON value and nothing else.
func decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	value, err := decodeNext(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the JSON value")
	}
	return value, nil
}

func decodeNext(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			item, err := decodeNext(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := decoder.Token()
		return list, err
	case json.Delim('{'):
		object := members{}
		for decoder.More() {
			token, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			name := token.(string)
			if len(name) > longestKey {
				return nil, errLongKey
			}
			value, err := decodeNext(decoder)
			if err != nil {
				return nil, err
			}
			object = append(object, member{name, value})
		}
		_, err := decoder.Token()
		return object, err
	}
	return token, nil
}

// nodeValue returns a node's value. It differs from that of its JSON only in that numbers are kept as they are
// written, those too that are none to Kubernetes because no float holds them.
func nodeValue(n *yaml.Node) (any, error) {
	n = manifest.Resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		object := members{}
		for key, child := range manifest.Pairs(n) {
			name := manifest.KeyName(key)
			if len(name) > longestKey {
				return nil, errLongKey
			}
			value, err := nodeValue(child)
			if err != nil {
				return nil, err
			}
			object = append(object, member{name, value})
		}
		return object, nil
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			var err error
			if list[i], err = nodeValue(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	read := manifest.JSON(n)
	if n.Style == 0 && (manifest.IsNumber(string(read)) || manifest.IsNumber(n.Value)) {
		return json.Number(n.Value), nil
	}
	return decode(read)
}

// add applies an operation to a value and returns the result.
func add(target any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	part, rest := path[0], path[1:]
	switch target := target.(type) {
	case members:
		i := slices.IndexFunc(target, func(m member) bool { return m.name == part })
		if i < 0 && len(rest) > 0 {
			return nil, fmt.Errorf("key %s does not exist", message.Quote(part))
		}
		if i < 0 {
			return append(target, member{part, value}), nil
		}
		var err error
		target[i].value, err = add(target[i].value, rest, value)
		return target, err
	case []any:
		if len(rest) == 0 {
			i, err := insertIndex(part, len(target))
			if err != nil {
				return nil, err
			}
			return slices.Insert(target, i, value), nil
		}
		i, err := listIndex(part, len(target)-1)
		if err != nil {
			return nil, err
		}
		target[i], err = add(target[i], rest, value)
		return target, err
	}
	if len(rest) == 0 {
		return nil, fmt.Errorf("%s would be added to a scalar", message.Quote(part))
	}
	return nil, fmt.Errorf("%s is looked for in a scalar", message.Quote(part))
}

// splitPointer returns the unescaped parts of a JSON pointer, none for the root.
func splitPointer(pointer string) ([]string, error) {
	if pointer == "" {
		return nil, nil
	}
	if pointer[0] != '/' {
		return nil, fmt.Errorf("pointer %s does not begin with /", message.Quote(pointer))
	}
	parts := strings.Split(pointer[1:], "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts, nil
}

// insertIndex returns the index at which an operation inserts into a list of the given length.
func insertIndex(part string, length int) (int, error) {
	if part == "-" {
		return length, nil
	}
	return listIndex(part, length)
}

// listIndex reads a list index of a JSON pointer, at most the given one.
func listIndex(part string, most int) (int, error) {
	i, err := strconv.Atoi(part)
	if err != nil || i < 0 || strconv.Itoa(i) != part {
		return 0, fmt.Errorf("%s is no index of a list", message.Quote(part))
	}
	if i > most {
		return 0, fmt.Errorf("index %d is past the end of the list", i)
	}
	return i, nil
}
