# The repository that every row starts from, as bob and alice have made it.
for name in alice bob carol mallory forge oldbob dave renovate; do
	[ -e "$keys/$name" ] || ssh-keygen -q -t ed25519 -N '' -C "$name@example.com" -f "$keys/$name"
done
public() { cut -d' ' -f1,2 "$keys/$1.pub"; }
git init -q -b main .
mkdir -p .holdfast .github/workflows apps/web
{
	for name in alice bob carol; do echo "$name@example.com namespaces=\"git\" $(public $name)"; done
	echo "bob@example.com namespaces=\"git\",valid-before=\"20250101Z\" $(public oldbob)"
} > .holdfast/allowed_signers
cat > .holdfast/trust.yaml <<END
version: 1
repository: example.com/shop
identities:
- name: alice-a
  emails: [alice@example.com]
  keys: [{ssh: $(public alice)}]
  roles: [admin]
- name: carol-c
  emails: [carol@example.com]
  keys: [{ssh: $(public carol)}]
  roles: [admin, waiver]
- name: bob-b
  emails: [bob@example.com]
  keys: [{ssh: $(public bob)}]
  roles: [maintainer]
- name: github
  emails: [forge@example.com]
  keys: [{ssh: $(public forge)}]
  roles: [forge]
- name: renovate
  emails: [renovate@example.com]
  keys: [{ssh: $(public renovate)}]
  roles: [bot]
  bot: {paths: [apps/**], fields: [image]}
refs:
- match: refs/heads/main
  rewrite: hold
  merges: clean
  unsignedSide: deny
  acknowledge: {of: admin, count: 2}
paths:
- match: [.holdfast/**, .github/**, CODEOWNERS, .mailmap]
  who: [admin]
  approvals: 1
safeguards: [CODEOWNERS, .github/workflows/ci.yml]
END
printf '* @alice\n' > CODEOWNERS
cat > .github/workflows/ci.yml <<'END'
on:
  pull_request:
jobs:
  scan:
    runs-on: ubuntu-24.04
    steps:
    - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683
    - run: holdfast scan .
END
cat > .holdfast/waivers.yaml <<'END'
waivers: []
END
cat > .pre-commit-config.yaml <<'END'
repos:
- repo: local
  hooks:
  - id: holdfast
    name: holdfast
    entry: holdfast scan --staged
    language: system
END
cat > apps/web/deploy.yaml <<'END'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.0
        securityContext: {runAsNonRoot: false}
END
git add -A
as alice
C -m base
cat > apps/web/svc.yaml <<'END'
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
END
git add -A
as bob
C -m 'add service'
sed -i s/false/true/ apps/web/deploy.yaml
git add -A
as alice
C -m 'SECURITY: drop root'
git tag base
