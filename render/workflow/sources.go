package workflow

import "strings"

// untrusted are the contexts whose values people from outside choose freely. Names
// of users and repositories, numbers and hashes are not among them, since they
// have no characters that mean anything to a shell.
var untrusted = []string{
	"github.head_ref",
	"github.event.issue.title",
	"github.event.issue.body",
	"github.event.pull_request.title",
	"github.event.pull_request.body",
	"github.event.pull_request.head.ref",
	"github.event.pull_request.head.label",
	"github.event.pull_request.head.repo.default_branch",
	"github.event.pull_request.head.repo.description",
	"github.event.pull_request.head.repo.homepage",
	"github.event.comment.body",
	"github.event.review.body",
	"github.event.review_comment.body",
	"github.event.discussion.title",
	"github.event.discussion.body",
	"github.event.answer.body",
	"github.event.changes.title.from",
	"github.event.changes.body.from",
	"github.event.pages.*.page_name",
	"github.event.pages.*.title",
	"github.event.pages.*.summary",
	"github.event.commits.*.message",
	"github.event.commits.*.author.name",
	"github.event.commits.*.author.email",
	"github.event.commits.*.committer.name",
	"github.event.commits.*.committer.email",
	"github.event.head_commit.message",
	"github.event.head_commit.author.name",
	"github.event.head_commit.author.email",
	"github.event.head_commit.committer.name",
	"github.event.head_commit.committer.email",
	"github.event.merge_group.head_commit.message",
	"github.event.merge_group.head_commit.author.name",
	"github.event.merge_group.head_commit.author.email",
	"github.event.merge_group.head_commit.committer.name",
	"github.event.merge_group.head_commit.committer.email",
	"github.event.workflow_run.head_branch",
	"github.event.workflow_run.display_title",
	"github.event.workflow_run.head_commit.message",
	"github.event.workflow_run.head_commit.author.name",
	"github.event.workflow_run.head_commit.author.email",
	"github.event.workflow_run.head_commit.committer.name",
	"github.event.workflow_run.head_commit.committer.email",
	"github.event.workflow_run.head_repository.description",
	"github.event.workflow_run.pull_requests.*.head.ref",
	"github.event.check_suite.head_branch",
	"github.event.check_suite.head_commit.message",
	"github.event.check_suite.head_commit.author.name",
	"github.event.check_suite.head_commit.author.email",
	"github.event.check_suite.pull_requests.*.head.ref",
	"github.event.check_run.check_suite.head_branch",
	"github.event.check_run.pull_requests.*.head.ref",
	"github.event.forkee.description",
	"github.event.forkee.homepage",
	"github.event.forkee.default_branch",
}

// heads are the contexts that name what outsiders have pushed.
var heads = []string{
	"github.head_ref",
	"github.event.pull_request.head.sha",
	"github.event.pull_request.head.ref",
	"github.event.pull_request.head.repo.full_name",
	"github.event.pull_request.head.repo.clone_url",
	"github.event.pull_request.head.repo.html_url",
	"github.event.pull_request.head.repo.name",
	"github.event.pull_request.head.user.login",
	"github.event.pull_request.merge_commit_sha",
	"github.event.workflow_run.head_sha",
	"github.event.workflow_run.head_branch",
	"github.event.workflow_run.head_commit.id",
	"github.event.workflow_run.head_repository.full_name",
	"github.event.workflow_run.pull_requests.*.head.sha",
	"github.event.workflow_run.pull_requests.*.head.ref",
	"github.event.check_suite.head_sha",
	"github.event.check_run.head_sha",
}

// numbers are the contexts that hold the number of a pull request.
var numbers = []string{
	"github.event.number",
	"github.event.pull_request.number",
	"github.event.issue.number",
	"github.event.workflow_run.pull_requests.*.number",
}

// matches reports whether a reference is one of contexts. Whole says that it also
// is when it stands for an object that holds one, which is so for JSON.
func matches(contexts []string, ref string, whole bool) bool {
	for _, c := range contexts {
		if matchesOne(c, ref, whole) {
			return true
		}
	}
	return false
}

func matchesOne(context, ref string, whole bool) bool {
	for {
		c, contextRest, contextMore := strings.Cut(context, ".")
		s, rest, more := strings.Cut(ref, ".")
		if c != s && c != "*" && s != "*" {
			return false
		}
		if !contextMore || !more {
			return contextMore == more || whole && !more
		}
		context, ref = contextRest, rest
	}
}
