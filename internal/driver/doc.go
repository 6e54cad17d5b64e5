// Package driver serves CSI over gRPC. Its services read what the connection
// manager published; none of them ever waits for the RDS to come back.
package driver
