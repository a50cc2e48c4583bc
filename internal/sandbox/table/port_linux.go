package table

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// reservePort binds a TCP address without listening and returns it with its
// port filled in. While the reservation is open, connecting is refused unless
// someone listens, and the kernel gives the port to nobody who asks for any;
// a listener of ours (Go sets SO_REUSEADDR) may still come and go.
func reservePort(address string) (string, io.Closer, error) {
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return "", nil, err
	}
	if tcp.IP == nil {
		tcp.IP = net.IPv4zero
	}
	family, where := socketAddress(tcp)
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, os.NewSyscallError("socket", err)
	}
	socket := os.NewFile(uintptr(fd), "reserved port")
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		socket.Close()
		return "", nil, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, where); err != nil {
		socket.Close()
		return "", nil, os.NewSyscallError("bind", err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		socket.Close()
		return "", nil, os.NewSyscallError("getsockname", err)
	}
	switch bound := bound.(type) {
	case *syscall.SockaddrInet4:
		tcp.Port = bound.Port
	case *syscall.SockaddrInet6:
		tcp.Port = bound.Port
	default:
		socket.Close()
		return "", nil, fmt.Errorf("unexpected address type %T", bound)
	}
	return tcp.String(), socket, nil
}

func socketAddress(tcp *net.TCPAddr) (family int, where syscall.Sockaddr) {
	if v4 := tcp.IP.To4(); v4 != nil {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(v4)}
	}
	where6 := &syscall.SockaddrInet6{Port: tcp.Port}
	copy(where6.Addr[:], tcp.IP.To16())
	return syscall.AF_INET6, where6
}
