package templates

import (
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

func TestAValueThatIsNotOfItsTypeIsToldWithWhatWasMeant(t *testing.T) {
	const helm = "nobody has rendered what stands between {{ and }}: Helm does so only in the templates of a chart"
	const dollar = "nobody fills in what begins with $ here: write the value itself"
	for _, c := range []struct {
		kind      v1alpha1.ParameterType
		text, fix string
	}{
		{v1alpha1.TypeDuration, "10", `write "10s"`},
		{v1alpha1.TypeDuration, "10 s", `write "10s"`},
		{v1alpha1.TypeDuration, "10S", `write "10s"`},
		{v1alpha1.TypeDuration, "10sec", `write "10s"`},
		{v1alpha1.TypeDuration, "5 minutes", `write "5m"`},
		{v1alpha1.TypeDuration, "2hrs", `write "2h"`},
		{v1alpha1.TypeDuration, "2d", `write "48h"`},
		{v1alpha1.TypeDuration, "PT1H30M", `write "1h30m"`},
		{v1alpha1.TypeDuration, "1h 30m", `write "1h30m"`},
		{v1alpha1.TypeDuration, `"10s"`, `write "10s"`},
		{v1alpha1.TypeDuration, "*/5 * * * *", ""},
		{v1alpha1.TypeDuration, "99999999d", ""},
		{v1alpha1.TypeQuantity, "1GB", `write "1G"`},
		{v1alpha1.TypeQuantity, "500mb", `write "500M"`},
		{v1alpha1.TypeQuantity, "1 GiB", `write "1Gi"`},
		{v1alpha1.TypeQuantity, "1g", `write "1G"`},
		{v1alpha1.TypeQuantity, "1gi", `write "1Gi"`},
		{v1alpha1.TypeQuantity, "64KB", `write "64k"`},
		{v1alpha1.TypeQuantity, "1,5Gi", `write "1.5Gi"`},
		{v1alpha1.TypeQuantity, "512 bytes", `write "512"`},
		{v1alpha1.TypeQuantity, "unlimited", ""},
		{v1alpha1.TypeBoolean, "Yes", `write "true"`},
		{v1alpha1.TypeBoolean, `"false"`, `write "false"`},
		{v1alpha1.TypeBoolean, "maybe", ""},
		{v1alpha1.TypeInteger, " 3 ", `write "3"`},
		{v1alpha1.TypeInteger, "03", `write "3"`},
		{v1alpha1.TypeInteger, "3.0", `write "3"`},
		{v1alpha1.TypeInteger, "3.5", ""},
		{v1alpha1.TypePort, ":8080", `write "8080"`},
		{v1alpha1.TypePort, "8080/tcp", `write "8080"`},
		{v1alpha1.TypePort, "http", ""},
		{v1alpha1.TypePort, "70000", ""},
		{v1alpha1.TypePort, "{{ .Values.port }}", helm},
		{v1alpha1.TypePort, "${PORT}", dollar},
		{v1alpha1.TypePort, "$PORT", dollar},
		{v1alpha1.TypeName, "My_Secret", `write "my-secret"`},
		{v1alpha1.TypeName, "shop/my-secret", ""},
		{v1alpha1.TypeURL, "localhost:3000/reload", `write "http://localhost:3000/reload"`},
		{v1alpha1.TypeURL, "v:8200", "begin with http:// or https://"},
		{v1alpha1.TypeURL, "vault.example.com", "begin with http:// or https://"},
		{v1alpha1.TypeURL, "s3:dumps", ""},
		{v1alpha1.TypeURL, "http:/localhost:3000/reload", `write "http://localhost:3000/reload"`},
		{v1alpha1.TypeURL, `"http://localhost/"`, `write "http://localhost/"`},
		{v1alpha1.TypeURL, "http://x:99999/", "write the port as a number from 1 to 65535"},
		{v1alpha1.TypeURL, "http://x:0", "write the port as a number from 1 to 65535"},
		{v1alpha1.TypeURL, "http://x:http/", "write the port as a number from 1 to 65535"},
		{v1alpha1.TypeURL, "http://u:p@[::1]:70000/", "write the port as a number from 1 to 65535"},
		{v1alpha1.TypeURL, "http://:3000/reload", ""},
		{v1alpha1.TypeURL, "/reload", ""},
		{v1alpha1.TypeStringList, "['a.log', 'b.log']", `write "a.log, b.log"`},
		{v1alpha1.TypeStringList, "[a.log, b.log]", `write "a.log, b.log"`},
		{v1alpha1.TypeStringList, "- a.log\n- b.log\n", `write "a.log, b.log"`},
		{v1alpha1.TypeStringList, "a.log\nb.log", `write "a.log, b.log"`},
		{v1alpha1.TypeStringList, `[["a"]]`, `write ["a", "b"], or a, b`},
	} {
		_, fault := convert(c.kind, c.text)
		switch {
		case fault == nil:
			t.Errorf("%s %q is taken", c.kind, c.text)
		case fault.Fix != c.fix:
			t.Errorf("%s %q: %q, want %q", c.kind, c.text, fault.Fix, c.fix)
		}
	}
}

func TestURLsThatProgramsUnderstandAreTaken(t *testing.T) {
	for _, text := range []string{
		"http://localhost", "http://localhost:3000/x", "http://[::1]:9090/-/reload", "https://u:p@h:1/", "http://h:/", "unix://h/x", "http://h:65535",
	} {
		if _, fault := convert(v1alpha1.TypeURL, text); fault != nil {
			t.Errorf("%s: %s", text, fault.Message)
		}
	}
}

func TestAValueThatIsMostLikelyNotMeantIsDoubted(t *testing.T) {
	const quotes = "quotes, and hyphens as of a YAML list, become part of the values: "
	for _, c := range []struct {
		kind       v1alpha1.ParameterType
		text, want string
	}{
		{v1alpha1.TypeStringList, `"a.log", "b.log"`, quotes + `write "a.log, b.log"`},
		{v1alpha1.TypeStringList, "'a.log',", quotes + `write "a.log"`},
		{v1alpha1.TypeStringList, "- a.log", quotes + `write "a.log"`},
		{v1alpha1.TypeStringList, `a.log, "b.log"`, ""},
		{v1alpha1.TypeStringList, `["\"a\"", "- b"]`, ""},
		{v1alpha1.TypeStringList, "-v, --debug", ""},
		{v1alpha1.TypePath, "~/logs", `the path is "~/logs" as it is: nobody fills in a home or a variable here`},
		{v1alpha1.TypePath, "$HOME/logs", `the path is "$HOME/logs" as it is: nobody fills in a home or a variable here`},
		{v1alpha1.TypePath, "/var/log/~old", ""},
		{v1alpha1.TypePath, "/data/$recycle.bin", ""},
		{v1alpha1.TypePath, "logs", ""},
		{v1alpha1.TypeStringList, "", ""},
		{v1alpha1.TypeString, `"a"`, ""},
		{v1alpha1.TypeString, "{{ .Line }} of {{ .File }}", ""},
		{v1alpha1.TypeString, "{{ .Values.x }}", `it holds "{{ .Values.x }}" as it is: ` + Unfilled("{{}}")},
		{v1alpha1.TypePath, "/var/{{ .Release.Name }}", `it holds "/var/{{ .Release.Name }}" as it is: ` + Unfilled("{{}}")},
	} {
		if got := (&Parameter{Type: c.kind}).doubt(c.text); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.kind, c.text, got, c.want)
		}
	}
}
