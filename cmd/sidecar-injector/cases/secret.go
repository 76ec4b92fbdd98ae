package cases

import (
	"regexp"
	"strings"
)

// leftOut stands for what nobody should find in a test.
const leftOut = "left-out"

// secretNames are what names of secrets have in them, of variables, flags, keys and annotations.
const secretNames = `pass(?:word|wd|phrase|code)?|pwd|secret|token|credential|cookie|bearer|jwt|salt|webhook|connection[_.-]?string|` +
	`(?:api|app|private|public|access|account|encryption|signing|license|licence|master|shared|ssh|hmac)[_.-]?key|authorization|auth[_.-]?(?:data|header)`

var (
	secretName = regexp.MustCompile(`(?i)` + secretNames + `|(?:^|[_.-])(?:key|pin|pw)$|(?:^|[_.-])auth$`)
	// reference is a name of something that only says where a secret is.
	reference = regexp.MustCompile(`(?i)(?:name|namespace|class|ref|file|path|provider)$`)

	// secretWord is a secret within a text that says so: --password=x, "token": "x y", PASSWORD x.
	secretWord = regexp.MustCompile(`(?i)((?:` + secretNames + `)[a-z0-9_.-]*["']?(?:[ \t]*[=:][ \t]*|[ \t]+))(?:bearer\s+|basic\s+)?("[^"]*"?|'[^']*'?|[^\s"'&]+)`)
	// secretVariable is one in the YAML or JSON of a list of variables.
	secretVariable = regexp.MustCompile(`(?i)(name["']?\s*:\s*["']?[a-z0-9_.-]*(?:` + secretNames + `)[a-z0-9_.-]*["']?\s*,?\s*["']?value["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^\s"',}]+)`)
	// secretUser is the password of an address, or of a flag for one.
	secretUser = regexp.MustCompile(`(://[^/\s:@"']*:)[^\s"'/]+@|(://)[^/\s:@"']{20,}@|((?:^|\s)(?:-u|--user)[ =][^\s:]+:)\S+`)
	// secretShape is what is a secret whatever it is called: keys in PEM, tokens as their issuers make them.
	secretShape = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|` +
		`\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk-|sk_live_|hvs\.|npm_|dckr_pat_)[\w.-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|hooks\.slack\.com/services/[\w/]+`)
	// copied is how annotations are called in which tools keep a copy of the whole object.
	copied = regexp.MustCompile(`last-applied|/applied$|/original(?:-diff)?(?:-md5)?$`)
)

// hidden is a text without what is secret in it.
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

// isCopy says whether an annotation holds a copy of the whole object, in which everything would be once more.
func isCopy(name, text string) bool {
	return copied.MatchString(name) || strings.HasPrefix(strings.TrimSpace(text), "{") && strings.Contains(text, `"apiVersion"`)
}

// hideArguments takes what is secret out of the words of a command.
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

// secretFlag says whether an argument names a secret that the next one is.
func secretFlag(argument string) bool {
	return strings.HasPrefix(argument, "-") && !strings.ContainsAny(argument, "= ") && secretName.MatchString(argument) && !reference.MatchString(argument)
}
