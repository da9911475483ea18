package packs_test

import (
	"context"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

// soundActions are files as they should be: least rights, everything pinned, no
// text of outsiders where it is read as code.
var soundActions = map[string]string{
	".github/workflows/ci.yml": `
name: CI
on:
  push: {branches: [main]}
  pull_request:
permissions: {}
concurrency:
  group: ${{ github.workflow }}-${{ github.ref }}
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}
defaults: {run: {shell: bash}}
jobs:
  test:
    runs-on: ${{ matrix.os }}
    timeout-minutes: 15
    permissions: {contents: read}
    strategy:
      fail-fast: false
      matrix:
        os: [ubuntu-24.04, windows-2025]
        node: [22, 24]
    services:
      db:
        image: postgres:18@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1
        env: {POSTGRES_HOST_AUTH_METHOD: trust}
    steps:
    - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      with: {persist-credentials: false}
    - uses: actions/setup-node@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      with: {node-version: "${{ matrix.node }}", cache: npm}
    - run: npm ci
    - env:
        TITLE: ${{ github.event.pull_request.title }}
        BRANCH: ${{ github.head_ref || github.ref_name }}
      run: |
        printf 'testing %s of %s\n' "$TITLE" "$BRANCH"
        npm test -- --shard=${{ strategy.job-index }}/${{ strategy.job-total }} | tee log
`,
	".github/workflows/release.yml": `
on: {push: {tags: ["v*"]}}
permissions: {}
concurrency: release
jobs:
  publish:
    runs-on: ubuntu-24.04
    timeout-minutes: 20
    environment: {name: production}
    permissions: {contents: read, packages: write, id-token: write, attestations: write}
    steps:
    - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      with: {persist-credentials: false}
    - uses: aws-actions/configure-aws-credentials@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      with: {role-to-assume: "arn:aws:iam::123456789012:role/release", aws-region: eu-central-1}
    - env: {TOKEN: "${{ secrets.GITHUB_TOKEN }}", TAG: "${{ github.ref_name }}"}
      run: |
        echo "$TOKEN" | docker login ghcr.io --username "$GITHUB_ACTOR" --password-stdin
        docker build --tag "ghcr.io/example/app:$TAG" .
        docker push "ghcr.io/example/app:$TAG"
`,
	".github/workflows/label.yml": `
on: {pull_request_target: {types: [opened, synchronize]}}
permissions: {}
jobs:
  label:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {pull-requests: write}
    steps:
    - uses: actions/github-script@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v8.0.0
      with:
        script: |
          const title = context.payload.pull_request.title
          if (title.startsWith('docs')) {
            await github.rest.issues.addLabels({...context.repo, issue_number: context.issue.number, labels: ['docs']})
          }
`,
	".github/workflows/report.yml": `
on: {workflow_run: {workflows: [CI], types: [completed]}}
permissions: {}
jobs:
  report:
    if: github.event.workflow_run.event == 'pull_request' && github.event.workflow_run.conclusion == 'success'
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {actions: read, pull-requests: write}
    steps:
    - uses: actions/download-artifact@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      with: {name: report, run-id: "${{ github.event.workflow_run.id }}", github-token: "${{ github.token }}", path: "${{ runner.temp }}/report"}
    - env: {GH_TOKEN: "${{ github.token }}", REPORT: "${{ runner.temp }}/report"}
      run: |
        set -euo pipefail
        number="$(tr -cd 0-9 < "$REPORT/number")"
        gh pr comment "$number" --repo "$GITHUB_REPOSITORY" --body-file "$REPORT/body.md"
`,
	".github/workflows/command.yml": `
on: {issue_comment: {types: [created]}}
permissions: {}
jobs:
  rerun:
    if: >-
      github.event.issue.pull_request &&
      startsWith(github.event.comment.body, '/rerun') &&
      contains(fromJSON('["OWNER", "MEMBER", "COLLABORATOR"]'), github.event.comment.author_association)
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions: {actions: write, pull-requests: read}
    steps:
    - env: {GH_TOKEN: "${{ github.token }}", NUMBER: "${{ github.event.issue.number }}"}
      run: gh run rerun --failed "$(gh run list --json databaseId --jq '.[0].databaseId')"
`,
	".github/workflows/deploy.yml": `
on:
  workflow_call:
    inputs: {stage: {type: string, required: true}}
    secrets: {TOKEN: {required: true}}
permissions: {}
jobs:
  deploy:
    runs-on: ubuntu-24.04
    timeout-minutes: 30
    environment: ${{ inputs.stage }}
    concurrency: deploy-${{ inputs.stage }}
    permissions: {contents: read}
    steps:
    - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      with: {persist-credentials: false}
    - env: {TOKEN: "${{ secrets.TOKEN }}", STAGE: "${{ inputs.stage }}"}
      run: ./deploy.sh "$STAGE"
`,
	".github/workflows/call.yml": `
on: {schedule: [{cron: "0 4 * * 1"}], workflow_dispatch: {inputs: {dry: {type: boolean}}}}
permissions: {contents: read}
jobs:
  deploy:
    uses: ./.github/workflows/deploy.yml
    with: {stage: test}
    secrets: {TOKEN: "${{ secrets.TOKEN }}"}
`,
	"setup/action.yml": `
name: Setup
description: installs the tools
inputs: {version: {description: of the tool, required: true}}
outputs: {path: {description: where it is, value: "${{ steps.install.outputs.path }}"}}
runs:
  using: composite
  steps:
  - uses: actions/setup-go@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v6.0.0
  - id: install
    shell: bash
    env: {VERSION: "${{ inputs.version }}"}
    run: |
      "$GITHUB_ACTION_PATH/install.sh" "$VERSION"
      echo "path=$HOME/.tool" >> "$GITHUB_OUTPUT"
`,
	".github/dependabot.yml": `
version: 2
registries: {npm: {type: npm-registry, url: "https://npm.example", token: "${{ secrets.NPM_TOKEN }}"}}
updates:
- {package-ecosystem: github-actions, directory: /, schedule: {interval: weekly}, cooldown: {default-days: 7}}
- {package-ecosystem: npm, directory: /, schedule: {interval: weekly}, cooldown: {default-days: 7}, registries: [npm]}
`,
}

// TestSoundActions is against crying wolf: of these files nothing is found, nor
// is any verdict an error.
func TestSoundActions(t *testing.T) {
	_, engine := builtin(t)
	for name, text := range soundActions {
		all, err := setup.ReadExample(resource.GitHubActions, source.NewFile(name, []byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		results := engine.Evaluate(context.Background(), nil, all[0], resource.NewSet(all), policy.Declared)
		if len(results) == 0 {
			t.Errorf("%s: no policy applies", name)
		}
		for _, result := range results {
			if result.Verdict == policy.Fail || result.Verdict == policy.Error {
				t.Errorf("%s: %s is %s: %v %v", name, result.Policy.ID, result.Verdict, result.Failures, result.Err)
			}
		}
	}
}

// TestOddActions feeds what nobody should write: no policy may stumble over it.
func TestOddActions(t *testing.T) {
	_, engine := builtin(t)
	for _, text := range []string{
		"{on: null, jobs: {}}",
		"{on: {push: null, pull_request_target: []}, jobs: {a: {runs-on: null, steps: null}}}",
		"{on: [push, 7], permissions: [], env: [], jobs: {a: {permissions: null, env: 'x', container: null, services: [], needs: {}}}}",
		"{on: push, jobs: {a: {runs-on: {group: x}, container: '', services: {db: null}, environment: null, steps: [{}, {run: null}, {uses: ''}]}}}",
		"{on: push, jobs: {a: {runs-on: [7, {}], steps: [{run: 7, shell: 7, env: {A: 7, B: null}}, {uses: x, with: {ref: 7, path: [1]}}]}}}",
		"{on: {workflow_call: {inputs: []}, workflow_dispatch: {inputs: {a: null}}}, jobs: {a: {uses: ./x.yml, secrets: 7, with: []}}}",
		"{on: push, jobs: {a: {strategy: {matrix: '${{ fromJSON(x) }}'}, runs-on: '${{ matrix.a }}', if: 7, steps: [{if: false, run: x}]}}}",
		"{on: push, jobs: {a: {steps: [{uses: docker://}, {uses: '@'}, {uses: 'a/@b'}, {uses: ./}, {uses: ' '}]}}}",
		"{on: push, jobs: {a: {container: {image: 7, volumes: x, credentials: []}, timeout-minutes: '${{ x }}'}}}",
	} {
		all, err := setup.ReadExample(resource.GitHubActions, source.NewFile(".github/workflows/x.yml", []byte(text)))
		if err != nil || len(all) != 1 {
			t.Fatalf("%s: %v", text, err)
		}
		for _, result := range engine.Evaluate(context.Background(), nil, all[0], resource.NewSet(all), policy.Declared) {
			if result.Verdict == policy.Error {
				t.Errorf("%s: %s: %v", text, result.Policy.ID, result.Err)
			}
		}
	}
}
