package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

type act struct {
	title string
	play  func(*stage)
}

var story = []act{
	{"A repository goes live, in order", goesLive},
	{"A good commit goes live", goodCommit},
	{"A privileged container is refused, at its line", privilegedContainer},
	{"An unsigned commit is refused", unsignedCommit},
	{"A commit in somebody else's name is refused", impersonatedAuthor},
	{"A force-push that drops a fix is held", droppedFix},
	{"A sidecar added with kubectl edit is reported and undone", addedSidecar},
	{"A rollout that never gets ready is rolled back", brokenRollout},
	{"What happened can be proved", proof},
}

const guestbook = "apps/guestbook/deployment.yaml"

const imagePath = `{.spec.template.spec.containers[0].image}`

func goesLive(s *stage) {
	s.tell("Five applications: plain manifests, a Kustomize base with two overlays, a Helm chart with\na sub-chart. Four of them wait for the platform, which brings their namespaces.")
	for _, name := range []string{"platform", "guestbook", "shop-dev", "shop-prod", "wiki"} {
		s.awaitApplication(name, "Ready", s.good)
	}
	s.show("status")
	s.check("the overlays differ: 1 replica in dev, 3 in prod",
		s.live("shop-dev", "deployment/shop", "{.spec.replicas}") == "1" && s.live("shop-prod", "deployment/shop", "{.spec.replicas}") == "3")
	s.check("the sub-chart of the wiki runs", s.live("wiki", "statefulset/wiki-cache", "{.status.readyReplicas}") == "1")
}

func goodCommit(s *stage) {
	s.good = s.commit("alice", "Update the guestbook to 1.4.3", s.edit(guestbook, "guestbook:1.4.2", "guestbook:1.4.3"))
	s.tell("Alice signs and pushes %.8s.", s.good)
	s.awaitApplication("guestbook", "Ready", s.good)
	s.check("guestbook runs 1.4.3", s.live("guestbook", "deployment/guestbook", imagePath) == "registry.example/guestbook:1.4.3")
}

func privilegedContainer(s *stage) {
	bad := s.commit("bob", "Debug", s.edit(guestbook, "            readOnlyRootFilesystem: true\n", "            privileged: true\n"))
	s.tell("Bob signs and pushes %.8s, which makes the container privileged.", bad)
	s.awaitApplication("guestbook", "Blocked", bad)
	out := s.show("status", "guestbook")
	s.check("the finding names the line", strings.Contains(out, guestbook+":"+line(s, guestbook, "privileged: true")))
	s.check("what runs is not privileged", s.live("guestbook", "deployment/guestbook", "{.spec.template.spec.containers[0].securityContext.privileged}") == "")
	s.good = s.commit("bob", "Do not debug in production", s.edit(guestbook, "            privileged: true\n", "            readOnlyRootFilesystem: true\n"))
	s.awaitApplication("guestbook", "Ready", s.good)
	s.check("a blocked commit does not stand in the way of the next", true)
}

// line returns the number of the line of a file of the repository that holds a text.
func line(s *stage, path, text string) string {
	data, err := os.ReadFile(s.repo.Path(path))
	if err != nil {
		s.Fatal(err)
	}
	before, _, found := strings.Cut(string(data), text)
	if !found {
		s.Fatalf("%s does not hold %q", path, text)
	}
	return strconv.Itoa(strings.Count(before, "\n") + 1)
}

func unsignedCommit(s *stage) {
	key := s.people["mallory"]
	s.people["mallory"] = nil
	bad := s.commit("mallory", "Harmless", s.edit("apps/guestbook/settings.yaml", "greeting: hello", "greeting: owned"))
	s.people["mallory"] = key
	s.tell("Mallory pushes %.8s without a signature.", bad)
	s.refused("SIG_MISSING")
}

func impersonatedAuthor(s *stage) {
	bob := s.people["bob"]
	alice := s.people["alice"]
	s.people["alice"] = bob
	bad := s.commit("alice", "Approved by Alice", s.edit("apps/guestbook/settings.yaml", "greeting: hello", "greeting: owned"))
	s.people["alice"] = alice
	s.tell("Bob signs %.8s with his own, valid key, and names Alice as the author. Git calls the signature good.", bad)
	s.refused("ID_AUTHOR")
}

// refused checks that the tip is refused and nothing has changed, and takes the
// branch back to what was accepted.
func (s *stage) refused(code string) {
	s.awaitSource("Blocked", code)
	s.show("status", "platform")
	s.check("the greeting is still hello", s.live("guestbook", "configmap/guestbook", "{.data.greeting}") == "hello")
	s.repo.Reset(s.good)
	s.awaitSource("Ready", "")
}

func droppedFix(s *stage) {
	before := s.good
	s.good = s.commit("alice", "SECURITY: close the debug port", s.edit("apps/guestbook/settings.yaml", "greeting: hello", "greeting: hello\n  debug: \"off\""))
	s.awaitApplication("guestbook", "Ready", s.good)
	s.tell("Alice's fix %.8s is live.", s.good)
	fix := s.good
	s.repo.Reset(before)
	bad := s.commit("bob", "Change the greeting", s.edit("apps/guestbook/settings.yaml", "greeting: hello", "greeting: hi"))
	s.tell("Bob rewrites the branch without it and force-pushes %.8s. Every commit is signed.", bad)
	s.awaitSource("Held", "HIST_REWRITE")
	s.show("status", "platform")
	s.check("the fix is still live", s.live("guestbook", "configmap/guestbook", "{.data.debug}") == "off")
	s.repo.Reset(fix)
	s.awaitSource("Ready", "")
}

const sidecar = `#!/bin/sh
sed -i 's|^      containers:|      containers:\n      - name: miner\n        image: registry.example/miner:1\n        securityContext:\n          privileged: true|' "$1"
`

func addedSidecar(s *stage) {
	editor := filepath.Join(s.dir, "editor")
	if err := os.WriteFile(editor, []byte(sidecar), 0o700); err != nil {
		s.Fatal(err)
	}
	cmd := s.cluster.KubectlCommand("edit", "-n", "guestbook", "deployment/guestbook")
	cmd.Env = append(cmd.Environ(), "KUBE_EDITOR="+editor)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("kubectl edit: %v\n%s", err, out)
	}
	s.tell("$ kubectl edit -n guestbook deployment/guestbook   # adds a privileged container `miner`")
	s.await("the sidecar is undone", func() bool {
		return s.live("guestbook", "deployment/guestbook", "{.spec.template.spec.containers[*].name}") == "web"
	})
	s.await("the drift is recorded as healed", func() bool {
		out, _ := s.holdfast("drift", "--all")
		return strings.Contains(out, "miner") && strings.Contains(out, "healed")
	})
	out := s.show("drift", "--all")
	s.check("the report names the field manager", strings.Contains(out, "kubectl-edit"))
	s.check("the policies ran on the live object", strings.Contains(out, "privileged"))
	s.check("the container is gone", true)
}

func brokenRollout(s *stage) {
	bad := s.commit("alice", "Update the guestbook to 1.5.0", s.edit(guestbook, "guestbook:1.4.3", "guestbook-broken:1.5.0"))
	s.tell("Alice signs and pushes %.8s. Its image starts and crashes.", bad)
	s.awaitApplication("guestbook", "RolledBack", bad)
	s.show("status", "guestbook")
	s.check("guestbook runs 1.4.3 again", s.live("guestbook", "deployment/guestbook", imagePath) == "registry.example/guestbook:1.4.3")
}

func proof(s *stage) {
	out := s.show("why", "-n", "guestbook", "deployment/guestbook")
	s.check("the object leads to its file, commit and signer", strings.Contains(out, guestbook) && strings.Contains(out, "@example.com"))
	out = s.show("history", "guestbook")
	for _, word := range []string{"deny", "healed", "unhealthy", "restored"} {
		s.check("the history has: "+word, strings.Contains(out, word))
	}
	out = s.show("ledger", "verify")
	s.check("the ledger is intact", strings.Contains(out, "ok"))
	s.tamper()
}

// tamper changes one letter of a copy of the ledger.
func (s *stage) tamper() {
	copied := filepath.Join(s.dir, "tampered")
	if err := os.CopyFS(filepath.Join(copied, "state"), os.DirFS(filepath.Join(s.dir, "state"))); err != nil {
		s.Fatal(err)
	}
	entries := filepath.Join(copied, "state", "ledger", "entries.jsonl")
	data, err := os.ReadFile(entries)
	if err == nil {
		err = os.WriteFile(entries, []byte(strings.Replace(string(data), `"outcome":"deny"`, `"outcome":"allow"`, 1)), 0o600)
	}
	config, readErr := os.ReadFile(s.config())
	if err == nil && readErr == nil {
		err = os.WriteFile(filepath.Join(copied, "holdfast.yaml"), config, 0o600)
	}
	if err != nil || readErr != nil {
		s.Fatal(err, readErr)
	}
	good := s.dir
	s.dir = copied
	out, code := s.holdfast("ledger", "verify")
	s.dir = good
	s.tell("\nIn a copy of the ledger, one `deny` becomes `allow`:\n$ holdfast ledger verify\n%s", strings.TrimRight(out, "\n"))
	s.check("the change is found", code == 1 && strings.Contains(out, "was changed"))
}
