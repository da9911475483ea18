package gitversion

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/finding"
)

// Agent is a version that a log names.
type Agent struct {
	Version
	Server bool // it is the server's own, not a client's
	Count  int  // how many lines name it
}

// Log is what was read of a log.
type Log struct {
	Agents  []Agent // by product and version
	Lines   int
	TooLong int // lines of which only the beginning was looked at
	Dropped int // lines whose versions are not counted, for there were too many
}

// maxLine bounds the bytes of a line that are looked at, and maxAgents the versions:
// whoever asks a server writes into its log.
const (
	maxLine   = 64 << 10
	maxAgents = 10_000
)

// agentForms are the ways in which logs name what clients say they are: as an HTTP
// user agent, between quotes or as a value of JSON; as a capability that traces show.
var agentForms = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)(?:\bagent=|[" =:])` +
		`((?:git|jgit|go-git|git-lfs|libgit2)/[0-9a-z][0-9a-z._+@~-]*(?:[. ]?\([^()"]{1,60}\))?)`)
})

// ReadLog counts the versions that a log names: access logs of nginx and Apache, lines
// of JSON, trace files of Git, and text with agent lines. A line counts once for each
// version that it names.
func ReadLog(r io.Reader) (*Log, error) {
	in := bufio.NewReaderSize(r, maxLine)
	log := &Log{}
	counts := map[Agent]int{}
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			log.Lines++
			log.count(counts, string(line))
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			log.TooLong++
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	for agent, n := range counts {
		agent.Count = n
		log.Agents = append(log.Agents, agent)
	}
	slices.SortFunc(log.Agents, func(a, b Agent) int {
		return cmp.Or(compareVersions(a.Version, b.Version), cmp.Compare(order(a.Candidate), order(b.Candidate)), cmp.Compare(order(a.Server), order(b.Server)))
	})
	return log, nil
}

func (l *Log) count(counts map[Agent]int, line string) {
	seen := map[Agent]bool{}
	for _, at := range agentForms().FindAllStringSubmatchIndex(line, 20) {
		v, err := Parse(line[at[2]:at[3]])
		if err != nil {
			continue
		}
		v.Text = "" // versions that mean the same count as one
		agent := Agent{Version: v, Server: fromServer(line[:at[2]])}
		if seen[agent] {
			continue
		}
		seen[agent] = true
		if _, known := counts[agent]; !known && len(counts) >= maxAgents {
			l.Dropped++
			continue
		}
		counts[agent]++
	}
}

// fromServer reports whether what comes before an agent says that the server sent it:
// packet traces of a client mark what they got with "<", such as
// "packet: ls-remote< agent=git/2.39.5", and those of a server what they sent with ">".
func fromServer(before string) bool {
	_, packet, ok := strings.Cut(before, "packet:")
	if !ok {
		return false
	}
	who, _, _ := strings.Cut(strings.TrimLeft(packet, " "), " ")
	program := strings.TrimRight(who, "<>")
	serves := program == "upload-pack" || program == "receive-pack" || program == "serve"
	return strings.HasSuffix(who, ">") == serves
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Findings returns one finding for each version that something is known against.
func (l *Log) Findings() (all []*finding.Finding) {
	for _, a := range l.Agents {
		rule, kind, who, roles := oldClient, "Client", "a client", AnyClient
		if a.Server {
			rule, kind, who, roles = oldServer, "Server", "a server", Server
		}
		if f := aboutRisks(rule, kind, who, a.Version, Judge(a.Version, roles, nil)); f != nil {
			f.Subject.Name = a.Version.String()
			f.Identify("")
			f.Cause = f.Fingerprint[len("hf1:"):]
			f.Count = a.Count
			all = append(all, f)
		}
	}
	return all
}
