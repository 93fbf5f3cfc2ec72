// The same servers in Go: servers <kind> <bytes>.
//
// They print "listening <port>". For each line on stdin they return unused memory and print
// "collected". When stdin ends, so does the process.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
)

const largestFrame = 1 << 20

func echoRaw(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 64*1024)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// Frames are written through a buffer, which is sent when no further frame has arrived.
func echoFrames(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64*1024)
	writer := bufio.NewWriterSize(conn, 64*1024)
	var frame []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(reader, head[:]); err != nil {
			return
		}
		size := binary.BigEndian.Uint32(head[:])
		if size > largestFrame {
			return
		}
		if int(size) > cap(frame) {
			frame = make([]byte, size)
		}
		frame = frame[:size]
		if _, err := io.ReadFull(reader, frame); err != nil {
			return
		}
		writer.Write(head[:])
		if _, err := writer.Write(frame); err != nil {
			return
		}
		if reader.Buffered() == 0 && writer.Flush() != nil {
			return
		}
	}
}

func accept(listener net.Listener, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go serve(conn)
	}
}

func serveHTTP(listener net.Listener, body []byte) {
	size := strconv.Itoa(len(body))
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Date"] = nil // no two answers would be alike
		if r.URL.Path != "/"+size {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", size)
		w.Write(body)
	}))
}

func main() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	switch os.Args[1] {
	case "go-raw":
		go accept(listener, echoRaw)
	case "go-length-prefix":
		go accept(listener, echoFrames)
	case "go-http":
		body, err := os.ReadFile(os.Args[3])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serveHTTP(listener, body)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		debug.FreeOSMemory()
		fmt.Println("collected")
	}
}
