// Package testcluster gives tests a real Kubernetes control plane, without
// containers and without any dependency on Kubernetes in this module.
//
//	Binary   the program holdfast-cluster, built from the module test/cluster
//	         once and kept in a cache: $HOLDFAST_CACHE, or holdfast in the
//	         cache directory of the user. A change of its sources builds anew.
//	Cluster  a control plane that runs: etcd, API server, controllers,
//	         scheduler and simulated nodes, all on the loopback interface
//	Shared   one Cluster for all tests of a package, each of which uses a
//	         Namespace of its own
//
// The first build takes about ten minutes of CPU time, a start two to four
// seconds. Tests that start a cluster are skipped in short mode (-short).
//
// What is simulated is the kubelet: pods run and are ready at once, those of a
// Job complete, and a container whose image name contains "broken" is in a
// crash loop for ever.
package testcluster
