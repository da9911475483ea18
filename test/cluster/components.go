package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// component is a program that runs as a child of the supervisor.
type component struct {
	name string
	args []string
}

const (
	apiServer   = "kube-apiserver"
	serviceCIDR = "10.96.0.0/16"
	serviceIP   = "10.96.0.1" // of the Service "kubernetes"
)

// idleControllers have nothing to do here: they serve machines and kubelets,
// which are simulated. Those for node-lifecycle and taint-eviction would harm:
// they distrust simulated nodes whenever the machine is busy.
var idleControllers = []string{
	"bootstrap-signer-controller",
	"certificatesigningrequest-approving-controller",
	"certificatesigningrequest-cleaner-controller",
	"certificatesigningrequest-signing-controller",
	"device-taint-eviction-controller",
	"legacy-serviceaccount-token-cleaner-controller",
	"node-ipam-controller",
	"node-lifecycle-controller",
	"persistentvolume-attach-detach-controller",
	"persistentvolume-expander-controller",
	"taint-eviction-controller",
	"token-cleaner-controller",
	"ttl-controller",
}

// components returns the programs of the control plane, the API server first.
// All paths are relative to the directory of the control plane.
func components(ip net.IP, port int, audit bool) []component {
	return []component{
		{apiServer, apiServerArgs(ip, port, audit)},
		{"kube-controller-manager", []string{
			"--kubeconfig=pki/kube-controller-manager.kubeconfig",
			"--secure-port=0",
			"--leader-elect=false",
			"--service-account-private-key-file=pki/service-account.key",
			"--root-ca-file=pki/ca.crt",
			"--controllers=*,-" + strings.Join(idleControllers, ",-"),
			"--kube-api-qps=500", "--kube-api-burst=1000",
			"--profiling=false",
		}},
		{"kube-scheduler", []string{
			"--kubeconfig=pki/kube-scheduler.kubeconfig",
			"--secure-port=0",
			"--leader-elect=false",
			"--kube-api-qps=500", "--kube-api-burst=1000",
			"--profiling=false",
		}},
		{"kwok", []string{
			"--kubeconfig=pki/kwok.kubeconfig",
			"--config=stages.yaml",
			"--manage-all-nodes=true",
			// Without a lease kwok tells nobody that its nodes live, and pods lose Ready.
			"--node-lease-duration-seconds=40",
			"--cidr=10.244.0.0/16",
			"--node-ip=10.0.0.1",
		}},
	}
}

func apiServerArgs(ip net.IP, port int, audit bool) []string {
	args := []string{
		"--etcd-servers=" + etcdEndpoint,
		"--bind-address=" + ip.String(),
		"--secure-port=" + strconv.Itoa(port),
		"--permit-port-sharing=true", // with the socket that reserves the port, see reservePort

		"--tls-cert-file=pki/apiserver.crt",
		"--tls-private-key-file=pki/apiserver.key",
		"--client-ca-file=pki/ca.crt",
		// Without these the controller manager finds no authentication configuration.
		"--requestheader-client-ca-file=pki/" + frontProxyName + ".crt",
		"--requestheader-allowed-names=" + frontProxyUser,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=pki/" + frontProxyUser + ".crt",
		"--proxy-client-key-file=pki/" + frontProxyUser + ".key",

		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=pki/service-account.pub",
		"--service-account-signing-key-file=pki/service-account.key",
		"--service-cluster-ip-range=" + serviceCIDR,
		"--authorization-mode=RBAC",
		"--allow-privileged=true",

		// A loopback address is no valid endpoint, and no pod would use it.
		"--endpoint-reconciler-type=none",
		// New nodes would stay tainted, as the controller that lifts the taint is off.
		"--disable-admission-plugins=TaintNodesByCondition",
		"--enable-priority-and-fairness=false",
		"--profiling=false",
	}
	if audit {
		args = append(args, "--audit-policy-file=audit-policy.yaml", "--audit-log-path=audit.log", "--audit-log-maxsize=1024")
	}
	return args
}

// auditPolicy records who did what with which program, not the objects.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

func apiServerURL(ip net.IP, port int) string {
	return fmt.Sprintf("https://%s", net.JoinHostPort(ip.String(), strconv.Itoa(port)))
}
