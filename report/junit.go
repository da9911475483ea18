package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	File    string       `xml:"file,attr,omitempty"`
	Line    int          `xml:"line,attr,omitempty"`
	Failure *junitResult `xml:"failure"`
	Errors  *junitResult `xml:"error"`
	Skipped *junitResult `xml:"skipped"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes a test report: a suite for each policy that found something, with a
// test for each finding. What blocks is a failure; what does not, since it is below
// the gate, old, in the baseline or waived, is skipped and says why. The first suite
// tells whether everything could be judged, so that there is always a test.
func JUnit(w io.Writer, s *Scan) error {
	doc := junitSuites{Name: "holdfast", Suites: []junitSuite{completeness(s)}}
	at := map[string]int{}
	all := s.Findings[:len(s.Findings):len(s.Findings)]
	for _, e := range s.hidden() {
		all = append(all, e.Finding)
	}
	for _, f := range all {
		i, ok := at[f.Rule.ID]
		if !ok {
			i = len(doc.Suites)
			at[f.Rule.ID] = i
			doc.Suites = append(doc.Suites, junitSuite{Name: f.Rule.ID + " " + f.Rule.Title})
		}
		doc.Suites[i].Cases = append(doc.Suites[i].Cases, newJUnitCase(s, f))
	}
	for i := range doc.Suites {
		one := &doc.Suites[i]
		one.count()
		doc.Tests, doc.Failures = doc.Tests+one.Tests, doc.Failures+one.Failures
		doc.Errors, doc.Skipped = doc.Errors+one.Errors, doc.Skipped+one.Skipped
	}
	return writeXML(w, doc)
}

// completeness has a test for each thing that could not be judged, or one that
// passes.
func completeness(s *Scan) junitSuite {
	suite := junitSuite{Name: "holdfast"}
	for _, t := range s.troubles() {
		one := junitCase{Class: "holdfast", Name: "can be judged", File: t.Path, Line: t.At.Line}
		if t.Path != "" {
			one.Name = t.Path + " can be judged"
		}
		one.Errors = &junitResult{Message: t.text(), Type: "incomplete"}
		suite.Cases = append(suite.Cases, one)
	}
	if !s.Partial() {
		suite.Cases = []junitCase{{Class: "holdfast", Name: "everything could be judged"}}
	}
	return suite
}

func newJUnitCase(s *Scan, f *finding.Finding) junitCase {
	one := junitCase{Class: f.Rule.ID, Name: Plain(f.Message) + " (" + site(f) + ")"}
	if f.Location.File != nil {
		one.File, one.Line = f.Location.File.Path, f.Location.Position().Line
	}
	result := &junitResult{Message: sentence(f.Message), Type: f.Severity.String()}
	if s.blocks(f) {
		one.Failure = result
		lines := []string{site(f), "in: " + subject(f), "why: " + f.Rule.Why, "fix: " + f.Rule.Remediation}
		if remark := s.remark(f); remark != "" {
			lines = append(lines, remark)
		}
		for i := range lines {
			lines[i] = Plain(lines[i])
		}
		result.Text = strings.Join(append(lines, "finding "+f.ShortID()), "\n")
		return one
	}
	reason := s.remark(f)
	if reason == "" || s.entries[f].Status.Blocks() {
		reason = fmt.Sprintf("%s, below the gate", f.Severity)
	}
	one.Skipped = &junitResult{Message: Plain(reason)}
	return one
}

func (s *junitSuite) count() {
	s.Tests = len(s.Cases)
	for _, c := range s.Cases {
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Errors != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
}

// writeXML writes a document so that also a terminal can be shown it: what acts
// on one stands in values only, where it becomes a reference; what no document
// may hold becomes U+FFFD.
func writeXML(w io.Writer, doc any) error {
	text, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	buf.Write(escapeHazards(text, func(out []byte, r rune) []byte { return fmt.Appendf(out, "&#%d;", r) }))
	buf.WriteByte('\n')
	_, err = w.Write(buf.Bytes())
	return err
}
