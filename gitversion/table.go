package gitversion

import (
	"sync"

	"github.com/holdfast-dev/holdfast/finding"
)

// Role is at whose side a vulnerability counts.
type Role uint8

// The roles. A CVE can have several.
const (
	Client  Role = 1 << iota // who clones or fetches from somebody else
	Modules                  // who clones with submodules
	Server                   // who serves repositories, or runs their hooks
	Shared                   // who runs Git where others can write: a build machine, root
	Patcher                  // who applies patches or edits configuration that others made
	Desktop                  // who uses a window program
)

// AnyClient is all that a machine of a developer or of a pipeline does.
const AnyClient = Client | Modules | Shared | Patcher

// CVE is a vulnerability of a product.
type CVE struct {
	ID         string // also of an advisory that got no CVE
	Product    Product
	Allows     string // what somebody can do with it
	Roles      Role
	Severity   finding.Severity // for those whose role it is
	Fixed      string           // first fixed release of each line, in rising order, with spaces
	Since      string           // first release that has it; "" for all
	Folding    bool             // only where names differ in case alone are one file: macOS, Windows
	Windows    bool             // only there
	Backported bool             // distributions add the fix to older versions

	fixed []Number
	since Number
}

// Releases that fixed several at once.
const (
	of2018May = "2.13.7 2.14.4 2.15.2 2.16.4 2.17.1"
	of2018Sep = "2.14.5 2.15.3 2.16.5 2.17.2 2.18.1 2.19.1"
	of2019    = "2.14.6 2.15.4 2.16.6 2.17.3 2.18.2 2.19.3 2.20.2 2.21.1 2.22.2 2.23.1 2.24.1"
	of2020Mar = "2.17.4 2.18.3 2.19.4 2.20.3 2.21.2 2.22.3 2.23.2 2.24.2 2.25.3 2.26.1"
	of2020Apr = "2.17.5 2.18.4 2.19.5 2.20.4 2.21.3 2.22.4 2.23.3 2.24.3 2.25.4 2.26.2"
	of2021Mar = "2.17.6 2.18.5 2.19.6 2.20.5 2.21.4 2.22.5 2.23.4 2.24.4 2.25.5 2.26.3 2.27.1 2.28.1 2.29.3 2.30.2"
	of2022Mar = "2.30.3 2.31.2 2.32.1 2.33.2 2.34.2 2.35.2"
	of2022Jun = "2.30.5 2.31.4 2.32.3 2.33.4 2.34.4 2.35.4 2.36.2 2.37.1"
	of2022Oct = "2.30.6 2.31.5 2.32.4 2.33.5 2.34.5 2.35.5 2.36.3 2.37.4 2.38.1"
	of2023Jan = "2.30.7 2.31.6 2.32.5 2.33.6 2.34.6 2.35.6 2.36.4 2.37.5 2.38.3 2.39.1"
	of2023Feb = "2.30.8 2.31.7 2.32.6 2.33.7 2.34.7 2.35.7 2.36.5 2.37.6 2.38.4 2.39.2"
	of2023Apr = "2.30.9 2.31.8 2.32.7 2.33.8 2.34.8 2.35.8 2.36.6 2.37.7 2.38.5 2.39.3 2.40.1"
	of2024May = "2.39.4 2.40.2 2.41.1 2.42.2 2.43.4 2.44.1 2.45.1"
	of2025Jan = "2.40.4 2.41.3 2.42.4 2.43.6 2.44.3 2.45.3 2.46.3 2.47.2 2.48.1"
	of2025Jun = "2.43.7 2.44.4 2.45.4 2.46.4 2.47.3 2.48.2 2.49.1 2.50.1"
)

// Recommended is the release of Git without a known vulnerability.
const Recommended = "2.55.0"

// CVEs returns all that is known, in the order of the table: by product, then by age.
// It must not be changed.
var CVEs = sync.OnceValue(func() []CVE {
	all := append(gitCVEs(), otherCVEs()...)
	for i := range all {
		c := &all[i]
		c.Product = orGit(c.Product)
		for _, line := range fields(c.Fixed) {
			n, suffix := readNumber(line)
			if build, ok := cutBuild(suffix); ok {
				n[3] = build
			}
			c.fixed = append(c.fixed, n)
		}
		c.since, _ = readNumber(c.Since)
	}
	return all
})

func gitCVEs() []CVE {
	const crit, high, medium, low = finding.Critical, finding.High, finding.Medium, finding.Low
	return []CVE{
		{ID: "CVE-2018-11233", Allows: "a path of a tree has memory read past its end", Roles: Client, Severity: low, Fixed: of2018May, Backported: true},
		{ID: "CVE-2018-11235", Allows: "the name of a submodule has a hook of the repository run", Roles: Modules, Severity: crit, Fixed: of2018May, Backported: true},
		{ID: "CVE-2018-17456", Allows: "the URL of a submodule is taken for an option, and runs a program", Roles: Modules, Severity: crit, Fixed: of2018Sep, Backported: true},
		{ID: "CVE-2019-1348", Allows: "a stream for fast-import overwrites files", Roles: Patcher, Severity: low, Fixed: of2019, Backported: true},
		{ID: "CVE-2019-1349", Allows: "two submodules share one directory, and a hook runs", Roles: Modules, Severity: high, Fixed: of2019, Windows: true},
		{ID: "CVE-2019-1350", Allows: "an argument quoted wrongly runs a program at a clone", Roles: Modules, Severity: high, Fixed: of2019, Windows: true},
		{ID: "CVE-2019-1351", Allows: "a drive without a letter is written to at a clone", Roles: Client, Severity: high, Fixed: of2019, Windows: true},
		{ID: "CVE-2019-1352", Allows: "a second name of .git lets a tree write into it", Roles: Client, Severity: high, Fixed: of2019, Windows: true},
		{ID: "CVE-2019-1353", Allows: "in the Linux subsystem a second name of .git lets a tree write into it", Roles: Client, Severity: high, Fixed: of2019, Windows: true},
		{ID: "CVE-2019-1354", Allows: "a backslash in a path writes outside of the work tree", Roles: Client, Severity: high, Fixed: of2019, Windows: true},
		{ID: "CVE-2019-1387", Allows: "names of nested submodules have a hook run", Roles: Modules, Severity: high, Fixed: of2019, Backported: true},
		{ID: "CVE-2019-19604", Allows: "a submodule's update setting runs a program", Roles: Modules, Severity: high, Since: "2.20.0", Fixed: "2.20.2 2.21.1 2.22.2 2.23.1 2.24.1", Backported: true},
		{ID: "CVE-2020-5260", Allows: "a URL with a line break sends a password to another host", Roles: Client, Severity: high, Fixed: of2020Mar, Backported: true},
		{ID: "CVE-2020-11008", Allows: "a URL without a host sends a password to another host", Roles: Client, Severity: high, Fixed: of2020Apr, Backported: true},
		{ID: "CVE-2021-40330", Allows: "a line break in a git:// URL makes a request of another protocol", Roles: Client, Severity: medium, Fixed: "2.30.1", Backported: true},
		{ID: "CVE-2021-21300", Allows: "a link and a filter run a program at a clone", Roles: Client, Severity: crit, Since: "2.14.2", Fixed: of2021Mar, Folding: true, Backported: true},
		{ID: "CVE-2022-24765", Allows: "another user's .git in a directory above runs a program", Roles: Shared, Severity: medium, Fixed: of2022Mar, Backported: true},
		{ID: "CVE-2022-29187", Allows: "another user's .git runs a program as root", Roles: Shared, Severity: medium, Fixed: of2022Jun, Backported: true},
		{ID: "CVE-2022-39253", Allows: "a clone of a local repository copies files that links lead to", Roles: Client, Severity: medium, Fixed: of2022Oct, Backported: true},
		{ID: "CVE-2022-39260", Allows: "a long line to git shell runs code at the server", Roles: Server, Severity: high, Fixed: of2022Oct, Backported: true},
		{ID: "CVE-2022-23521", Allows: "a long .gitattributes runs code at whoever reads it", Roles: Client | Server, Severity: crit, Fixed: of2023Jan, Backported: true},
		{ID: "CVE-2022-41903", Allows: "a format of git log or git archive runs code", Roles: Client | Server, Severity: crit, Fixed: of2023Jan, Backported: true},
		{ID: "CVE-2022-41953", Allows: "a program in the repository is run by Git GUI", Roles: Desktop, Severity: high, Fixed: of2023Jan, Windows: true},
		{ID: "CVE-2023-22490", Allows: "a clone from a made-up remote copies local files", Roles: Client, Severity: medium, Fixed: of2023Feb, Backported: true},
		{ID: "CVE-2023-23946", Allows: "git apply writes outside of the work tree, through a link", Roles: Patcher, Severity: high, Fixed: of2023Feb, Backported: true},
		{ID: "CVE-2023-25652", Allows: "git apply --reject writes outside of the work tree", Roles: Patcher, Severity: high, Fixed: of2023Apr, Backported: true},
		{ID: "CVE-2023-25815", Allows: "messages come from a directory that others can write to", Roles: Shared, Severity: low, Fixed: of2023Apr, Windows: true},
		{ID: "CVE-2023-29007", Allows: "a long URL of a submodule adds settings that run a program", Roles: Modules | Patcher, Severity: high, Fixed: of2023Apr, Backported: true},
		{ID: "CVE-2024-32002", Allows: "a submodule is written into .git through a link, and a hook runs at a clone", Roles: Modules, Severity: crit, Fixed: of2024May, Folding: true, Backported: true},
		{ID: "CVE-2024-32004", Allows: "a clone of another user's local repository runs a program", Roles: Shared, Severity: medium, Fixed: of2024May, Backported: true},
		{ID: "CVE-2024-32020", Allows: "objects of a local clone can be changed by another user", Roles: Shared, Severity: low, Fixed: of2024May, Backported: true},
		{ID: "CVE-2024-32021", Allows: "a local clone links files of another user", Roles: Shared, Severity: low, Fixed: of2024May, Backported: true},
		{ID: "CVE-2024-32465", Allows: "a repository that came as an archive runs programs when it is cloned", Roles: Shared, Severity: medium, Fixed: of2024May, Backported: true},
		{ID: "CVE-2024-50349", Allows: "a host name with control characters asks for the password of another host", Roles: Client, Severity: low, Fixed: of2025Jan, Backported: true},
		{ID: "CVE-2024-52006", Allows: "a carriage return in a URL sends a password to another host", Roles: Client, Severity: medium, Fixed: of2025Jan, Backported: true},
		{ID: "CVE-2025-27613", Allows: "gitk writes files", Roles: Desktop, Severity: medium, Fixed: of2025Jun, Backported: true},
		{ID: "CVE-2025-27614", Allows: "gitk runs a program", Roles: Desktop, Severity: high, Fixed: of2025Jun, Backported: true},
		{ID: "CVE-2025-46334", Allows: "Git GUI runs a program of the repository", Roles: Desktop, Severity: high, Fixed: of2025Jun, Windows: true},
		{ID: "CVE-2025-46835", Allows: "Git GUI overwrites files", Roles: Desktop, Severity: high, Fixed: of2025Jun, Backported: true},
		{ID: "CVE-2025-48384", Allows: "a carriage return in a submodule's path has a hook run at a clone", Roles: Modules, Severity: crit, Fixed: of2025Jun, Backported: true},
		{ID: "CVE-2025-48385", Allows: "the server has files written through a bundle URI", Roles: Client, Severity: high, Since: "2.38.0", Fixed: of2025Jun, Backported: true},
		{ID: "CVE-2025-48386", Allows: "a long URL overflows the credential helper", Roles: Client, Severity: medium, Fixed: of2025Jun, Windows: true},
		{ID: "CVE-2024-52005", Allows: "messages of the server control the terminal, and forge lines of logs", Roles: Client, Severity: medium, Fixed: "2.55.0"},
		{ID: "CVE-2024-50338", Allows: "a carriage return in a URL sends a password to another host, by the credential manager", Roles: Client, Severity: high, Fixed: "2.45.2.windows.2 2.46.2.windows.2 2.47.1.windows.2", Windows: true},
		{ID: "CVE-2024-53263", Allows: "Git LFS sends a password to another host", Roles: Client, Severity: high, Fixed: "2.47.1.windows.2", Windows: true},
		{ID: "CVE-2025-26625", Allows: "Git LFS writes through links", Roles: Client, Severity: high, Fixed: "2.51.1.windows.1", Windows: true},
		{ID: "CVE-2025-66413", Allows: "a server learns the hash of the user's NTLM password", Roles: Client, Severity: medium, Fixed: "2.53.0.windows.2", Windows: true},
		{ID: "CVE-2026-32631", Allows: "a link to a network share tells the hash of the user's NTLM password", Roles: Client, Severity: high, Fixed: "2.53.0.windows.3", Windows: true},
		{ID: "GHSA-rxqw-wxqg-g7hw", Allows: "the credential helper's memory is overwritten", Roles: Client, Severity: medium, Fixed: "2.55.0.windows.3", Windows: true},
		{ID: "CVE-2026-62960", Allows: "a bundle URI on a network share tells the hash of the user's NTLM password", Roles: Client, Severity: high, Fixed: "2.54.0.windows.3 2.55.0.windows.4", Windows: true},
	}
}

func otherCVEs() []CVE {
	const crit, high, medium = finding.Critical, finding.High, finding.Medium
	return []CVE{
		{ID: "CVE-2025-21613", Product: GoGit, Allows: "a URL is taken for options of git-upload-pack", Roles: Client, Severity: high, Fixed: "5.13.0"},
		{ID: "CVE-2025-21614", Product: GoGit, Allows: "a server exhausts the client", Roles: Client, Severity: medium, Fixed: "5.13.0"},
		{ID: "CVE-2026-25934", Product: GoGit, Allows: "the integrity of packs and their index is not checked", Roles: Client, Severity: medium, Fixed: "5.16.5"},
		{ID: "CVE-2026-33762", Product: GoGit, Allows: "made-up data of a repository harms its reader", Roles: Client, Severity: medium, Fixed: "5.17.1"},
		{ID: "CVE-2026-34165", Product: GoGit, Allows: "made-up data of a repository harms its reader", Roles: Client, Severity: medium, Fixed: "5.17.1"},
		{ID: "CVE-2026-41506", Product: GoGit, Allows: "a redirect takes the password to another host", Roles: Client, Severity: high, Fixed: "5.18.0"},
		{ID: "CVE-2026-45022", Product: GoGit, Allows: "an object is read differently than Git does, so that a signature covers other bytes", Roles: Client | Server, Severity: crit, Fixed: "5.19.0"},
		{ID: "CVE-2026-45570", Product: GoGit, Allows: "a path is not quoted for the shell of an SSH server", Roles: Client, Severity: high, Fixed: "5.19.1"},
		{ID: "CVE-2026-45571", Product: GoGit, Allows: "a tree writes into .git", Roles: Client, Severity: high, Fixed: "5.19.1"},
		{ID: "GHSA-w5pp-99ch-qj29", Product: GoGit, Allows: "made-up data of a repository harms its reader", Roles: Client, Severity: medium, Fixed: "5.19.1"},
		{ID: "CVE-2026-71556", Product: GoGit, Allows: "links lead out of the work tree", Roles: Client, Severity: high, Fixed: "5.19.2"},
		{ID: "CVE-2026-71557", Product: GoGit, Allows: "the name of a ref writes outside of the repository", Roles: Client | Server, Severity: high, Fixed: "5.19.2"},
		{ID: "CVE-2024-24575", Product: LibGit2, Allows: "a revision never ends", Roles: Client | Server, Severity: medium, Fixed: "1.6.5 1.7.2"},
		{ID: "CVE-2024-24577", Product: LibGit2, Allows: "a path of the index overwrites memory", Roles: Client | Server, Severity: high, Fixed: "1.6.5 1.7.2"},
		{ID: "CVE-2026-5917", Product: LibGit2, Allows: "the path of a repository is taken for an option, and runs a program", Roles: Client, Severity: crit, Fixed: "1.8.7 1.9.7"},
		{ID: "CVE-2023-4759", Product: JGit, Allows: "a link writes outside of the work tree", Roles: Client, Severity: high, Fixed: "5.13.3 6.6.1", Folding: true},
		{ID: "CVE-2025-4949", Product: JGit, Allows: "a manifest in XML reads files of the machine", Roles: Client | Server, Severity: medium, Fixed: "6.10.1 7.2.1"},
		{ID: "CVE-2024-53263", Product: GitLFS, Allows: "a password goes to another host", Roles: Client, Severity: high, Fixed: "3.6.1"},
		{ID: "CVE-2025-26625", Product: GitLFS, Allows: "files are written through links", Roles: Client, Severity: high, Fixed: "3.7.1"},
		{ID: "CVE-2026-27775", Product: Gitea, Allows: "the right to write to one branch is used for all", Roles: Server, Severity: high, Fixed: "1.26.3"},
		{ID: "CVE-2026-58439", Product: Gitea, Allows: "a pull request keeps its approval when it gets another target", Roles: Server, Severity: high, Fixed: "1.27.0"},
		{ID: "CVE-2026-52806", Product: Gogs, Allows: "an argument of rebase runs a program at the server", Roles: Server, Severity: crit, Fixed: "0.14.3"},
		{ID: "CVE-2026-52810", Product: Gogs, Allows: "who may only read writes", Roles: Server, Severity: high, Fixed: "0.14.3"},
	}
}
