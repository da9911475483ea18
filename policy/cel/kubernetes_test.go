package cel

import (
	"fmt"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"
	"k8s.io/apiserver/pkg/cel/library"
)

// TestKubernetesLibraries evaluates expressions with our libraries and with those
// of the API server: both must give the same, or both an error.
func TestKubernetesLibraries(t *testing.T) {
	theirs, err := cel.NewEnv(cel.OptionalTypes(), ext.Strings(ext.StringsVersion(2)),
		library.Quantity(), library.IP(), library.CIDR(), library.URLs(), library.Lists(), library.SemverLib(), library.Regex())
	if err != nil {
		t.Fatal(err)
	}
	base, err := newEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	ours, err := base.extended()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range kubernetesExpressions {
		t.Run(text, func(t *testing.T) {
			if got, want := answer(ours.Env, text), answer(theirs, text); got != want {
				t.Errorf("%s; an API server gives %s", got, want)
			}
			if env, err := base.of(text); err != nil || env != ours {
				t.Errorf("the libraries are not found to be used (%v)", err)
			}
		})
	}
}

// answer is the type and value of an expression, or the stage at which it fails.
func answer(env *cel.Env, text string) string {
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		return "an error when it is checked: " + issues.Err().Error()
	}
	program, err := env.Program(checked)
	if err != nil {
		return "an error when it is planned"
	}
	out, _, err := program.Eval(map[string]any{})
	if err != nil {
		return "an error when it is evaluated"
	}
	return checked.OutputType().String() + " " + shown(out)
}

func shown(v ref.Val) string { return fmt.Sprint(v.Type().TypeName(), " ", v.Value()) }

var kubernetesExpressions = []string{
	`quantity("1.5Gi").isGreaterThan(quantity("1500Mi"))`,
	`quantity("1000m") == quantity("1")`,
	`quantity("1").compareTo(quantity("2"))`,
	`quantity("50Mi").add(quantity("50M")).compareTo(quantity("102428800"))`,
	`quantity("50M").add(20).asInteger()`,
	`quantity("50M").sub(20).asInteger()`,
	`quantity("50Mi").sub(quantity("51Mi")).asInteger()`,
	`quantity("1.5").asInteger()`,
	`quantity("1.5").isInteger()`,
	`quantity("-3").isInteger()`,
	`quantity("1.25").asApproximateFloat()`,
	`sign(quantity("-1"))`,
	`quantity("one")`,
	`isQuantity("1.3Gi")`,
	`isQuantity("1,3Gi")`,
	`isQuantity("200K")`,
	`quantity("200k").isLessThan(quantity("1M"))`,
	`ip("127.0.0.1").isLoopback()`,
	`ip("::1").family()`,
	`ip("10.0.0.1").family() == 4`,
	`ip("0.0.0.0").isUnspecified()`,
	`ip("ff02::1").isLinkLocalMulticast()`,
	`ip("169.254.169.254").isLinkLocalUnicast()`,
	`ip("192.168.0.1").isGlobalUnicast()`,
	`ip("255.255.255.255").isGlobalUnicast()`,
	`ip("10.0.0.1") == ip("10.0.0.1")`,
	`string(ip("2001:DB8::1"))`,
	`ip.isCanonical("2001:DB8::1")`,
	`ip.isCanonical("2001:db8::1")`,
	`ip.isCanonical("nothing")`,
	`isIP("10.0.0.256")`,
	`isIP("fe80::1%eth0")`,
	`isIP("::ffff:10.0.0.1")`,
	`isIP("010.0.0.1")`,
	`ip("here")`,
	`cidr("10.0.0.0/8").containsIP("10.1.2.3")`,
	`cidr("10.0.0.0/8").containsIP(ip("11.1.2.3"))`,
	`cidr("10.0.0.0/8").containsIP("here")`,
	`cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16")`,
	`cidr("10.1.0.0/16").containsCIDR(cidr("10.0.0.0/8"))`,
	`cidr("::/0").containsCIDR(cidr("10.0.0.0/8"))`,
	`cidr("10.0.0.0/8") == cidr("10.0.0.0/8")`,
	`cidr("10.1.2.3/8").masked() == cidr("10.0.0.0/8")`,
	`string(cidr("10.1.2.3/8").masked())`,
	`string(cidr("10.1.2.3/8").ip())`,
	`cidr("0.0.0.0/0").prefixLength()`,
	`isCIDR("10.0.0.0/33")`,
	`isCIDR("10.0.0.0")`,
	`isCIDR("::ffff:10.0.0.1/104")`,
	`isCIDR("10.0.0.1/8")`,
	`url("https://user:pw@example.org:8443/a%20b?x=1&x=2").getHost()`,
	`url("https://example.org:8443/a%20b?x=1&x=2").getHostname()`,
	`url("https://example.org:8443/a%20b?x=1&x=2").getPort()`,
	`url("https://example.org/a b").getEscapedPath()`,
	`url("https://example.org/?x=1&x=2&y=").getQuery()["x"] == ["1", "2"]`,
	`url("https://[::1]:80/").getHostname()`,
	`url("/path").getScheme() == ""`,
	`url("/path") == url("/path")`,
	`isURL("example.org")`,
	`isURL("https://example.org")`,
	`isURL("../a")`,
	`semver("1.2.3").isLessThan(semver("1.10.0"))`,
	`semver("1.2.3-rc.1").compareTo(semver("1.2.3"))`,
	`semver("1.2.3").major() + semver("1.2.3").minor() + semver("1.2.3").patch()`,
	`semver("1.2.3") == semver("1.2.3")`,
	`isSemver("v1.2.3")`,
	`isSemver("1.2")`,
	`isSemver("1.2.3+build.5")`,
	`isSemver("01.2.3")`,
	`[1, 3, 2].isSorted()`,
	`[1, 2, 2].isSorted()`,
	`["a", "b"].isSorted()`,
	`[duration("1s"), duration("1m")].sum() == duration("61s")`,
	`[1, 2].sum()`,
	`[1.5, 2.5].sum()`,
	`[4, 2, 8].min()`,
	`["b", "c", "a"].max()`,
	`[1, 2, 3, 2].indexOf(2)`,
	`[1, 2, 3, 2].lastIndexOf(2)`,
	`["a"].indexOf("z")`,
	`"banana".indexOf("an")`,
	`"banana".lastIndexOf("an")`,
}
