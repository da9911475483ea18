package git

import (
	"context"
	"errors"
	"strings"
)

// Remotes returns the URLs of the remotes of the repository, as its configuration
// has them. They may hold passwords, and must not be shown.
func (l *Local) Remotes(ctx context.Context) ([]string, error) {
	out, err := l.m.run(ctx, l.m.environment(), "config", "--local", "--no-includes", "--null", "--get-regexp", `^remote\..*\.url$`)
	if failed, ok := errors.AsType[*runError](err); ok && failed.code == 1 {
		return nil, nil // there is none
	}
	if err != nil {
		return nil, err
	}
	var urls []string
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, url, ok := strings.Cut(entry, "\n"); ok && url != "" {
			urls = append(urls, url)
		}
	}
	return urls, nil
}
