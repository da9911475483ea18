package git

// ParseRaw is for the fuzzer.
var ParseRaw = parseRaw
