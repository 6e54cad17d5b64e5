// Package status shows the state of the RDS connection to people and to
// probes: the page at /, the same view as JSON at /status.json, /livez and
// /readyz.
//
// It keeps no second truth. What is so now is read from the connection
// manager's snapshot at each request; a [Recorder], an observer of the manager,
// remembers only what has been: recent events and the times of the last day
// when the connection was up or down. [Listen] opens the ports and [Server.Run]
// serves them.
//
// Nothing here ever asks the device, and everything that came from it is cut to
// a length, stripped of control characters and escaped before it is shown.
package status
