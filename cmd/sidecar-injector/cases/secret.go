package cases

import (
	"regexp"
	"strings"
)

// leftOut replaces secret values.
const leftOut = "left-out"

// secretNames matches parts of the names of secrets: of variables, flags, keys and annotations.
const secretNames = `pass(?:word|wd|phrase|code)?|pwd|secret|token|credential|cookie|bearer|jwt|salt|webhook|connection[_.-]?string|` +
	`(?:api|app|private|public|access|account|encryption|signing|license|licence|master|shared|ssh|hmac)[_.-]?key|authorization|auth[_.-]?(?:data|header)`

var (
	secretName = regexp.MustCompile(`(?i)` + secretNames + `|(?:^|[_.-])(?:key|pin|pw)$|(?:^|[_.-])auth$`)
	// reference matches names of values that only say where a secret is.
	reference = regexp.MustCompile(`(?i)(?:name|namespace|class|ref|file|path|provider)$`)

	// secretWord matches a secret in a text by the word before it: --password=x, "token": "x y", PASSWORD
	// x.
	secretWord = regexp.MustCompile(`(?i)((?:` + secretNames + `)[a-z0-9_.-]*["']?(?:[ \t]*[=:][ \t]*|[ \t]+))(?:bearer\s+|basic\s+)?("[^"]*"?|'[^']*'?|[^\s"'&]+)`)
	// secretVariable matches a secret in the YAML or JSON of a list of variables.
	secretVariable = regexp.MustCompile(`(?i)(name["']?\s*:\s*["']?[a-z0-9_.-]*(?:` + secretNames + `)[a-z0-9_.-]*["']?\s*,?\s*["']?value["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^\s"',}]+)`)
	// secretUser matches the password in a URL, or in the argument of a flag for user and password.
	secretUser = regexp.MustCompile(`(://[^/\s:@"']*:)[^\s"'/]+@|(://)[^/\s:@"']{20,}@|((?:^|\s)(?:-u|--user)[ =][^\s:]+:)\S+`)
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
	text = secretVariable.ReplaceAllString(text, "${1}"+leftOut)
	return secretWord.ReplaceAllStringFunc(text, func(found string) string {
		before := secretWord.FindStringSubmatch(found)[1]
		if reference.MatchString(strings.TrimRight(before, "\"' \t=:")) {
			return found
		}
		return before + leftOut
	})
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
