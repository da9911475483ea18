// Package loop tests the whole loop, with a real Git, a real API server and the
// real program, through what people do and what goes wrong.
//
//	rig   a control plane, a repository with its server, and a loop in process
package loop
