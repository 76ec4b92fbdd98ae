package main

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// texts returns the texts of a picture in order, each after its class; invalid XML fails the test.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var all []string
	inText := false
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if inText = x.Name.Local == "text"; inText {
				for _, a := range x.Attr {
					if a.Name.Local == "class" {
						all = append(all, a.Value+": ")
					}
				}
			}
		case xml.CharData:
			if inText {
				all[len(all)-1] += string(x)
			}
		case xml.EndElement:
			inText = false
		}
	}
}

func TestATerminalKeepsItsColoursAndItsText(t *testing.T) {
	got := texts(t, screen("x -f a.yaml", "\x1b[1mREADY 2/2\x1b[22m: <ok>\n  \x1b[36m\x1b[1mlogs\x1b[22m\x1b[0m \x1b[31mno\nmore\x1b[0m.\n"))
	want := []string{
		"mono faint: $", "mono:  x -f a.yaml", "mono bold: READY 2/2", "mono: : <ok>", "mono cyan bold: logs", "mono red: no", "mono red: more", "mono: .",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestASequenceNamesTheLineThatItCannotRead(t *testing.T) {
	for text, want := range map[string]string{
		"a = A\nb -> a: x":    `2: "b -> a": nobody of that name`,
		"a = A\n\n# c\nwhat?": `4: "what?": want NAME = HEADING, or A -> B: TEXT`,
		"a = A\nz: alone":     `2: "z": nobody of that name`,
	} {
		if _, err := readSequence(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestTextsAreBrokenBetweenWords(t *testing.T) {
	if diff := cmp.Diff([]string{"one two", "three", "unbreakable"}, broken("one two three unbreakable", 8)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The committed pictures of the documentation are legible in both modes and used somewhere, and the sequence
// diagram is that of its text. Whether explain.svg is up to date is checked by make generate.
func TestThePicturesOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/images/path.txt")
	if err != nil {
		t.Fatal(err)
	}
	s, err := readSequence(string(text))
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := os.ReadFile("../../docs/images/path.svg")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(s.draw()), string(drawn)); diff != "" {
		t.Errorf("path.svg is not what path.txt says; make generate (-want +got)\n%s", diff)
	}
	pictures, err := filepath.Glob("../../docs/images/*.svg")
	if err != nil || len(pictures) < 2 {
		t.Fatalf("%q: %v", pictures, err)
	}
	var pages strings.Builder
	docs, _ := filepath.Glob("../../docs/*.md")
	for _, file := range append(docs, "../../README.md") {
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages.Write(page)
	}
	for _, file := range pictures {
		svg, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(texts(t, svg)) < 10 || !strings.Contains(string(svg), "prefers-color-scheme: dark") {
			t.Errorf("%s: no text, or no dark mode", file)
		}
		if !strings.Contains(pages.String(), "images/"+filepath.Base(file)) {
			t.Errorf("%s: no page shows it", file)
		}
	}
}
