package bundle

import "net"

// Loopback reports whether a host is this machine: it may be asked without TLS, and nobody
// else may send us to it.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
