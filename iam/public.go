package iam

import (
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// Public reports whether a statement allows something to anybody: to "*", or to
// all but some. Conditions are not looked at; see Restricted.
func Public(statement *resource.Value) Answer {
	return asStatement(statement, func() Answer {
		granted := anyOf(statement.Get("principals"), anybody)
		if others := statement.Get("notPrincipals"); others != nil && (others.Unknown() != "" || len(others.Items) > 0) {
			granted = yes(others)
		}
		return both(effect(statement, "Allow"), granted)
	})
}

func anybody(principal *resource.Value) Answer {
	id := principal.Get("id")
	if strings.Trim(id.Prefix(), "*") != "" {
		return no // it is the ARN of somebody
	}
	if id.Unknown() != "" {
		return unknown(id.Unknown())
	}
	switch principal.Get("type").Text() {
	case "*", "AWS":
		return is(id, func(s string) bool { return strings.Trim(s, "*") == "" && s != "" })
	}
	return no
}

// whose are the keys of conditions by which somebody's permission depends on who
// or where they are, in small letters. All others say what is asked for, or how.
var whose = map[string]bool{
	"aws:principalarn": true, "aws:principalaccount": true, "aws:principalorgid": true, "aws:principalorgpaths": true,
	"aws:principalservicename": true, "aws:principalservicenameslist": true, "aws:principalisawsservice": true,
	"aws:userid": true, "aws:username": true, "aws:federatedprovider": true,
	"aws:sourcearn": true, "aws:sourceaccount": true, "aws:sourceowner": true, "aws:sourceorgid": true, "aws:sourceorgpaths": true,
	"aws:sourceip": true, "aws:vpcsourceip": true, "aws:sourcevpc": true, "aws:sourcevpce": true, "aws:sourcevpcarn": true,
	"aws:vpceaccount": true, "aws:vpceorgid": true, "aws:vpceorgpaths": true,
	"kms:calleraccount": true, "kms:grantisforawsresource": true, "sts:externalid": true, "sts:sourceidentity": true,
	"s3:dataaccesspointaccount": true, "s3:dataaccesspointarn": true, "s3:accesspointnetworkorigin": true,
	"lambda:eventsourcetoken": true, "lambda:sourcefunctionarn": true, "elasticfilesystem:accessedviamounttarget": true,
	"elasticfilesystem:accesspointarn": true, "saml:aud": true, "saml:sub": true, "saml:iss": true, "ec2:sourceinstancearn": true,
}

// identifies reports whether a key tells who asks. Providers of OpenID Connect have
// claims of their own, such as token.actions.githubusercontent.com:sub.
func identifies(key string) bool {
	key = strings.ToLower(key)
	if whose[key] || strings.HasPrefix(key, "aws:principaltag/") || strings.HasPrefix(key, "kms:encryptioncontext:") {
		return true
	}
	return strings.HasSuffix(key, ":sub") || strings.HasSuffix(key, ":aud") || strings.HasSuffix(key, ":amr") || strings.HasSuffix(key, ":oaud")
}

// limiting are the tests that hold for what is listed alone.
var limiting = map[string]bool{
	"stringequals": true, "stringequalsignorecase": true, "stringlike": true, "arnequals": true, "arnlike": true, "ipaddress": true, "bool": true,
}

// Restricted reports whether a statement has a condition that lets only some ask:
// by account, organisation, source, network or the like. One that holds for
// everybody, as with the value "*", restricts nothing; nor does one that holds
// where the key is missing. A value that is not known is one that was chosen, and
// restricts.
func Restricted(statement *resource.Value) Answer {
	return asStatement(statement, func() Answer { return anyOf(statement.Get("conditions"), restricts) })
}

func restricts(condition *resource.Value) Answer {
	test, limits := testOf(condition)
	if !limits || !identifies(condition.Get("variable").Text()) {
		return no
	}
	values := condition.Get("values")
	if values.Unknown() != "" {
		return yes(values)
	}
	for _, v := range values.Items {
		if v.Unknown() == "" && anything(test, v.Str) {
			return no
		}
	}
	return Answer{Yes: len(values.Items) > 0, Because: condition}
}

// testOf returns the test of a condition in small letters, and whether it holds
// only where one of the values does.
func testOf(condition *resource.Value) (test string, limits bool) {
	test = strings.ToLower(condition.Get("test").Text())
	test, each := strings.CutPrefix(test, "forallvalues:")
	test = strings.TrimPrefix(test, "foranyvalue:")
	test, ifExists := strings.CutSuffix(test, "ifexists")
	return test, limiting[test] && !each && !ifExists
}

// anything reports whether every value of a key passes a test with this value.
func anything(test, value string) bool {
	switch test {
	case "ipaddress":
		return value == "0.0.0.0/0" || value == "::/0" || value == "0.0.0.0/1" || value == "128.0.0.0/1"
	case "bool":
		return value == "false"
	case "stringlike":
		return strings.Trim(value, "*?") == ""
	case "arnlike", "arnequals":
		return strings.Trim(strings.ReplaceAll(value, "arn:aws:", ""), "*?:/") == ""
	}
	return false
}
