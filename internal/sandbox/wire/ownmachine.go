package wire

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// OwnMachine refuses with 403 what a browser asks on behalf of a web page: the
// local services run code and hold rows, nobody signs, and any page can have
// requests sent to a loopback address. A browser names the page in Origin, or
// at least says that there is one (Sec-Fetch-Site); a page whose name was made
// to resolve to this machine has that name in Host. No AWS client, runtime or
// curl sends any of these.
func OwnMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := foreign(r); why != "" {
			w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
			http.Error(w, why, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign says why a request is not taken for one of a program of this machine;
// "" if it is.
func foreign(r *http.Request) string {
	for _, name := range []string{"Origin", "Sec-Fetch-Site"} {
		if len(r.Header[name]) > 0 {
			return "refused: the request has the header " + name + ", so a web page sent it; use curl or an AWS client"
		}
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Sprintf("refused: the request is for the host %q; use 127.0.0.1 or localhost", host)
	}
	return ""
}
