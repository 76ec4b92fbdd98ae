package cases

import (
	"regexp"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// leftOut replaces secret values.
const leftOut = "left-out"

// secretNames matches parts of the names of secrets: of variables, flags, keys and annotations.
const secretNames = `pass(?:word|wd|phrase|code)?|pwd|secret|token|credential|cookie|bearer|jwt|salt|webhook|connection[_.-]?string|` +
	`(?:api|app|private|public|access|account|encryption|signing|license|licence|master|shared|ssh|hmac)[_.-]?key|authorization|auth[_.-]?(?:data|header)|basic[_.-]?auth|signature|[?&]sig`

var (
	secretName = regexp.MustCompile(`(?i)` + secretNames + `|(?:^|[_.-])(?:key|pin|pw)$|(?:^|[_.-])auth$`)
	// reference matches names of values that only say where a secret is.
	reference = regexp.MustCompile(`(?i)(?:name|namespace|class|ref|file|path|provider)$`)

	// secretWord matches a secret in a text by the word before it: --password=x, "token": "x y", PASSWORD
	// x, also in YAML's blocks, in XML, and in JSON within JSON.
	secretWord = regexp.MustCompile(`(?i)((?:` + secretNames + `)[a-z0-9_.-]*\\*["']?(?:[ \t]*[=:>][ \t]*|[ \t]+))(?:bearer\s+|basic\s+)?([|>][+-]?[ \t]*(?:\n[ \t]+[^\n]*)+|\\*"[^"]*"?|'[^']*'?|[^\s"'&<]+)`)
	// secretVariable matches a secret in the YAML or JSON of a list of variables.
	secretVariable = regexp.MustCompile(`(?i)(name\\*["']?\s*:\s*\\*["']?[a-z0-9_.-]*(?:` + secretNames + `)[a-z0-9_.-]*\\*["']?\s*,?\s*\\*["']?value\\*["']?\s*:\s*)(\\*"[^"]*"?|'[^']*'?|[^\s"',}]+)`)
	// secretUser matches the password in a URL, or in the argument of a flag for user and password.
	secretUser = regexp.MustCompile(`(://[^/\s:@"']*:)[^\s"'/]+@|(://)[^/\s:@"']{20,}@|((?:^|\s)(?:-u|--user)[ =][^\s:]+:)\S+`)
	// secretPair matches a user with a password before the host that they are for, without a scheme:
	// me:x@tcp(db:3306). The digest of an image looks alike.
	secretPair = regexp.MustCompile(`((?:^|[\s=,;"'])[\w.%+-]+:)[^\s:@/"',;]+(@[\w.\[(-]+:?)`)
	// secretShape matches secrets by their form: keys in PEM, and tokens with the prefixes of known
	// issuers.
	secretShape = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|` +
		`\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_live_|hvs\.|npm_|dckr_pat_)[\w.-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|hooks\.slack\.com/services/[\w/]+`)
	// copied matches the names of annotations in which tools keep a copy of the whole object.
	copied = regexp.MustCompile(`last-applied|/applied$|/original(?:-diff)?(?:-md5)?$`)
)

// hidden returns text with secrets replaced; name is the key that it belongs to.
func hidden(name, text string) string {
	if text != "" && secretName.MatchString(name) {
		return leftOut
	}
	text = secretShape.ReplaceAllString(text, leftOut)
	text = secretUser.ReplaceAllStringFunc(text, func(found string) string {
		parts := secretUser.FindStringSubmatch(found)
		if strings.HasSuffix(found, "@") && parts[3] == "" {
			return parts[1] + parts[2] + leftOut + "@"
		}
		return parts[3] + leftOut
	})
	text = secretPair.ReplaceAllStringFunc(text, func(found string) string {
		parts := secretPair.FindStringSubmatch(found)
		if strings.HasPrefix(parts[2], "@sha") && strings.HasSuffix(parts[2], ":") {
			return found
		}
		return parts[1] + leftOut + parts[2]
	})
	text = secretVariable.ReplaceAllStringFunc(text, func(found string) string {
		parts := secretVariable.FindStringSubmatch(found)
		return parts[1] + likewise(parts[2])
	})
	return secretWord.ReplaceAllStringFunc(text, func(found string) string {
		parts := secretWord.FindStringSubmatch(found)
		if reference.MatchString(strings.TrimRight(parts[1], "\\\"' \t=:>")) {
			return found
		}
		return parts[1] + likewise(parts[2])
	})
}

// likewise returns leftOut, in quotes if the value that it replaces is.
func likewise(value string) string {
	quote := value[:len(value)-len(strings.TrimLeft(value, `\`))]
	if rest := value[len(quote):]; strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "'") {
		quote += rest[:1]
		return quote + leftOut + quote
	}
	return leftOut
}

// secretParameter matches the names of parameters that are secrets themselves: passwordKey and tokenSecret only
// say where one is.
var secretParameter = regexp.MustCompile(`(?i)(?:password|passwd|passphrase|pwd|token|(?:api|access)[_.-]?key)$`)

// hiddenSetting returns the value of one of the injector's annotations with secrets replaced. Request and status,
// whose instances may have any name, are kept as they are.
func hiddenSetting(key, text string) string {
	_, name, _ := strings.Cut(key, "/")
	_, entry, isEntry := strings.Cut(name, ".") // of a parameter that is a map
	switch {
	case key == inject.RequestAnnotation || key == inject.StatusAnnotation:
		return text
	case strings.HasPrefix(key, inject.Domain+"/config."):
		return hidden("", text)
	case isEntry:
		return hidden(entry, text)
	case text != "" && secretParameter.MatchString(name):
		return leftOut
	}
	return hidden("", text)
}

// isCopy reports whether an annotation holds a copy of the whole object, which would repeat its secrets.
func isCopy(name, text string) bool {
	return copied.MatchString(name) || strings.HasPrefix(strings.TrimSpace(text), "{") && strings.Contains(text, `"apiVersion"`)
}

// hideArguments replaces secrets in the words of a command, in place.
func hideArguments(words []any) {
	before := ""
	for i, word := range words {
		text, ok := word.(string)
		if !ok {
			continue
		}
		if secretFlag(before) {
			words[i] = leftOut
		} else if (before == "-u" || before == "--user") && strings.Contains(text, ":") {
			user, _, _ := strings.Cut(text, ":")
			words[i] = user + ":" + leftOut
		} else {
			words[i] = hidden("", text)
		}
		before = text
	}
}

// secretFlag reports whether an argument is a flag whose value, the next argument, is a secret.
func secretFlag(argument string) bool {
	return strings.HasPrefix(argument, "-") && !strings.ContainsAny(argument, "= ") && secretName.MatchString(argument) && !reference.MatchString(argument)
}
