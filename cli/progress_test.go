package cli

import (
	"bytes"
	"os"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	p := startProgress(&out, func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, ""},
		{299 * time.Millisecond, ""},
		{time.Millisecond, "\r\x1b[Kjudging 1 of 2"},
		{time.Millisecond, ""}, // too soon after the last one
		{time.Second, "\r\x1b[Kjudging 1 of 2"},
	} {
		now = now.Add(step.after)
		out.Reset()
		if p.step("judging", 1, 2); out.String() != step.want {
			t.Errorf("%v later: %q, want %q", step.after, out.String(), step.want)
		}
	}
	out.Reset()
	p.end()
	now = now.Add(time.Minute)
	p.step("judging", 2, 2)
	p.end()
	if out.String() != "\r\x1b[K" {
		t.Errorf("the end leaves %q", out.String())
	}
}

// What is fast shows nothing, nor does what is not a terminal.
func TestNoProgress(t *testing.T) {
	now := time.Now()
	var out bytes.Buffer
	p := startProgress(&out, func() time.Time { return now })
	p.step("judging", 1, 2)
	p.end()
	if out.Len() > 0 {
		t.Errorf("a fast scan writes %q", out.String())
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, streams := range []Streams{{Err: &out}, {Err: w}} {
		p := (&app{Streams: streams}).newProgress()
		if p != nil {
			t.Errorf("%T is taken for a terminal", streams.Err)
		}
		p.step("judging", 1, 2)
		p.end()
	}
}
