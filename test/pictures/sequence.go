package main

import (
	"fmt"
	"slices"
	"strings"
)

// The measures of a sequence, in pixels.
const (
	laneWidth   = 190
	laneGap     = 10
	headHeight  = 30
	stepGap     = 10
	lineHeight  = 17
	letterWidth = 7
	textFont    = 13
)

// sequence is a sequence diagram: the participants, and the steps in order.
type sequence struct {
	names, headings []string
	steps           []step
}

// step is a call, an answer, or an action of one participant, for which to equals from.
type step struct {
	from, to int
	answer   bool
	text     string
}

// readSequence reads lines of "name = heading", "a -> b: text", "a ~> b: text" and "a: text". An
// error begins with the number of the line.
func readSequence(text string) (*sequence, error) {
	s := &sequence{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.read(line); err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	return s, nil
}

func (s *sequence) read(line string) error {
	who, text, ok := strings.Cut(line, ": ")
	if !ok {
		name, heading, ok := strings.Cut(line, " = ")
		if !ok {
			return fmt.Errorf("%q: want NAME = HEADING, or A -> B: TEXT", line)
		}
		s.names, s.headings = append(s.names, name), append(s.headings, heading)
		return nil
	}
	from, to, call := strings.Cut(who, " -> ")
	answer := false
	if !call {
		from, to, answer = strings.Cut(who, " ~> ")
	}
	if !call && !answer {
		to = from
	}
	x := step{from: slices.Index(s.names, from), to: slices.Index(s.names, to), answer: answer, text: text}
	if x.from < 0 || x.to < 0 {
		return fmt.Errorf("%q: nobody of that name", who)
	}
	s.steps = append(s.steps, x)
	return nil
}

func (s *sequence) draw() []byte {
	var p picture
	y := margin + headHeight
	for _, x := range s.steps {
		y += stepGap
		y = p.step(x, y)
	}
	height := y + stepGap + margin
	var lanes picture // drawn behind the steps
	for i, heading := range s.headings {
		x := middle(i)
		lanes.add(`<path class="faintline" d="M%d %dV%d"/>`, x, margin+headHeight, height-margin)
		lanes.add(`<rect class="box" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, x-laneWidth/2+laneGap, margin, laneWidth-2*laneGap, headHeight)
		lanes.text(x, margin+headHeight/2+5, " bold", heading)
	}
	lanes.WriteString(p.String())
	return lanes.finish(laneWidth*len(s.names)+2*margin, height, "The way of a pod: "+strings.Join(s.headings, ", "))
}

// middle returns the x coordinate of a lane's line.
func middle(lane int) int { return margin + laneWidth*lane + laneWidth/2 }

// step draws a step below y, and returns the y coordinate of its end.
func (p *picture) step(x step, y int) int {
	from, to := middle(x.from), middle(x.to)
	lines := broken(x.text, (max(from-to, to-from, laneWidth)-2*laneGap)/letterWidth)
	end := y + lineHeight*len(lines)
	if from == to {
		// A box that covers the participant's line.
		const padding = 6
		p.add(`<rect class="box" x="%d" y="%d" width="%d" height="%d" rx="4"/>`, from-laneWidth/2+laneGap/2, y, laneWidth-laneGap, lineHeight*len(lines)+2*padding)
		p.lines(from, y+padding, "", lines)
		return end + 2*padding
	}
	p.lines((from+to)/2, y, " over", lines)
	tip, dash := 8, ""
	if to < from {
		tip = -tip
	}
	if x.answer {
		dash = ` stroke-dasharray="5 4"`
	}
	end += 5
	p.add(`<path class="line"%s d="M%d %dH%d"/>`, dash, from, end, to-tip)
	p.add(`<path class="head" d="M%d %dl%d -4v8z"/>`, to, end, -tip)
	return end
}

// lines draws a text below y.
func (p *picture) lines(x, y int, look string, lines []string) {
	for i, line := range lines {
		p.text(x, y+lineHeight*(i+1)-4, look, line)
	}
}

func (p *picture) text(x, y int, look, text string) {
	p.add(`<text class="sans%s" font-size="%d" x="%d" y="%d" text-anchor="middle">%s</text>`, look, textFont, x, y, escape(text))
}

// broken splits a text into lines of at most the given number of letters; longer words are not split.
func broken(text string, letters int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last < 0 || len([]rune(lines[last]+" "+word)) > letters {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}
