package transport

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"syscall"
	"time"
)

// wire is HTTP/1.1 with one host. A call is written and its reply read by the goroutine that makes it, on a connection that
// is its own meanwhile; net/http, whose reading and writing of messages it uses, has two more goroutines for each connection, and
// handing a call to them and back takes a third of what the call costs.
type wire struct {
	address string
	dialer  net.Dialer
	// tls is nil in the clear.
	tls *tls.Config

	mu sync.Mutex
	// idle are open connections that nothing uses, the one that was used last at the end.
	idle []*conn
	// sweep closes those that have been idle for too long; nil while there are none.
	sweep *time.Timer
	// zips holds readers of compressed replies.
	zips sync.Pool
}

const (
	// maxIdle is for how long a connection that nothing uses is kept.
	maxIdle = time.Minute
	// sure is for how long a connection that was used is taken to be open.
	sure = time.Second
	// maxHead bounds the status line and the header of a reply, in bytes.
	maxHead = 1 << 20
	// maxInformed bounds the replies that only inform, before the one that counts.
	maxInformed = 5
)

// conn is one connection. Where it is secured, it ends without the word that says so: each message tells its own length.
type conn struct {
	*net.TCPConn
	socket syscall.RawConn
	in     *bufio.Reader
	out    *bufio.Writer
	// left is how much of what comes is still to be read: in the head of a reply it has a limit.
	left io.LimitedReader
	// used is true when a call was made on it before.
	used  bool
	since time.Time
}

func newWire(base *url.URL, dial time.Duration) *wire {
	w := &wire{dialer: net.Dialer{Timeout: dial}}
	port := base.Port()
	switch {
	case base.Scheme == "https":
		w.tls = &tls.Config{ServerName: base.Hostname(), MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(0)}
		if port == "" {
			port = "443"
		}
	case port == "":
		port = "80"
	}
	w.address = net.JoinHostPort(base.Hostname(), port)
	return w
}

// errStale is of a connection that the other side had closed before it heard of the call.
var errStale = errors.New("the connection was closed meanwhile")

// call sends a request and has read read its reply. A call that may be made again is, when the connection that it was made on
// turns out to have been closed by the other side, as happens to connections that were idle.
func (w *wire) call(req *http.Request, again bool, read func(*http.Response) error) error {
	for {
		if err := req.Context().Err(); err != nil {
			return err
		}
		c, err := w.take(req.Context(), again)
		if err != nil {
			return err
		}
		used := c.used
		err = w.exchange(c, req, read)
		if !errors.Is(err, errStale) || !again || !used {
			return err
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return err
			}
		}
	}
}

// exchange makes a call on a connection, which is kept when it can be used again.
func (w *wire) exchange(c *conn, req *http.Request, read func(*http.Response) error) error {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // which ends what is waiting on it
	res, err := c.answer(req)                                                     //nolint:bodyclose // closing the connection does, and it stays open only when the body was read
	if err == nil {
		err = w.unpacked(res, read)
	}
	whole := err == nil && !res.Close && !req.Close && ended(res.Body) && c.in.Buffered() == 0
	if stop() && whole {
		w.keep(c)
	} else {
		_ = c.Close()
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// answer writes a request and reads the head of its reply.
func (c *conn) answer(req *http.Request) (*http.Response, error) {
	sent := req.Write(c.out)
	if sent == nil {
		sent = c.out.Flush()
	}
	// Who refuses a request may do so before he has read all of it.
	c.left.N = maxHead
	if _, err := c.in.Peek(1); err != nil {
		if sent == nil {
			sent = err
		}
		return nil, fmt.Errorf("%w: %w", errStale, sent)
	}
	for range maxInformed {
		res, err := http.ReadResponse(c.in, req)
		switch {
		case err != nil && c.left.N <= 0:
			return nil, fmt.Errorf("a head of more than %d bytes", maxHead)
		case err != nil:
			return nil, err
		case res.StatusCode >= 200:
			c.left.N = 1<<63 - 1
			return res, nil
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the source speaks another protocol from here on")
		}
	}
	return nil, errors.New("the source informs and does not answer")
}

// unpacked has read read a reply, uncompressed.
func (w *wire) unpacked(res *http.Response, read func(*http.Response) error) error {
	if res.Header.Get("Content-Encoding") != "gzip" || res.Request.Method == http.MethodHead || res.ContentLength == 0 {
		return read(res)
	}
	z, _ := w.zips.Get().(*gzip.Reader)
	if z == nil {
		z = new(gzip.Reader)
	}
	defer w.zips.Put(z)
	if err := z.Reset(res.Body); err != nil {
		return fmt.Errorf("read reply: %w", err)
	}
	body := res.Body
	defer func() { res.Body = body }()
	res.Body, res.ContentLength = z, -1
	res.Header.Del("Content-Encoding")
	res.Header.Del("Content-Length")
	return read(res)
}

// ended reports whether a body was read to its end.
func ended(body io.Reader) bool {
	var b [1]byte
	n, err := body.Read(b[:])
	return n == 0 && errors.Is(err, io.EOF)
}

// take returns a connection that is open as far as can be known here. For a call that may be made again one that was just used is not
// looked at, which would cost as much as another read.
func (w *wire) take(ctx context.Context, again bool) (*conn, error) {
	for {
		w.mu.Lock()
		n := len(w.idle) - 1
		if n < 0 {
			w.mu.Unlock()
			return w.dial(ctx)
		}
		c := w.idle[n]
		w.idle = w.idle[:n]
		w.mu.Unlock()
		if again && time.Since(c.since) < sure || c.quiet() {
			return c, nil
		}
		_ = c.Close()
	}
}

func (w *wire) dial(ctx context.Context) (*conn, error) {
	dialled, err := w.dialer.DialContext(ctx, "tcp", w.address)
	if err != nil {
		return nil, err
	}
	c := &conn{TCPConn: dialled.(*net.TCPConn)} //nolint:forcetypeassert // what "tcp" is
	var through io.ReadWriter = c.TCPConn
	if w.tls != nil {
		secured := tls.Client(c.TCPConn, w.tls)
		shake, cancel := context.WithTimeout(ctx, w.dialer.Timeout)
		defer cancel()
		err, through = secured.HandshakeContext(shake), secured
	}
	if err == nil {
		c.socket, err = c.SyscallConn()
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	c.left.R = through
	c.in, c.out = bufio.NewReaderSize(&c.left, 8<<10), bufio.NewWriter(through)
	return c, nil
}

// quiet reports whether nothing has come on a connection since its last reply: neither its end nor what nobody asked for.
func (c *conn) quiet() bool {
	var b [1]byte
	var got error
	err := c.socket.Read(func(fd uintptr) bool {
		_, got = syscall.Read(int(fd), b[:])
		return true
	})
	return err == nil && (errors.Is(got, syscall.EAGAIN) || errors.Is(got, syscall.EINTR))
}

// keep keeps a connection for other calls.
func (w *wire) keep(c *conn) {
	c.used, c.since = true, time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = append(w.idle, c)
	if w.sweep == nil {
		w.sweep = time.AfterFunc(maxIdle, func() { w.closeIdle(time.Now().Add(-maxIdle)) })
	}
}

// closeIdle closes the connections that nothing has used since.
func (w *wire) closeIdle(since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for ; n < len(w.idle) && !w.idle[n].since.After(since); n++ {
		_ = w.idle[n].Close()
	}
	w.idle = append(w.idle[:0], w.idle[n:]...)
	if w.sweep == nil {
		return
	}
	if w.sweep.Stop(); len(w.idle) > 0 {
		w.sweep.Reset(time.Until(w.idle[0].since.Add(maxIdle)))
	} else {
		w.sweep = nil
	}
}
