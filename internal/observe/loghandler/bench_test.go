package loghandler

import (
	"io"
	"log/slog"
	"net/netip"
	"testing"
)

// BenchmarkLine measures the cost of a line for the session that logs it: of a
// written line, and of an omitted one.
func BenchmarkLine(b *testing.B) {
	for name, o := range map[string]Options{"written": wide("text"), "postfix": wide("postfix"), "left out": narrow("text")} {
		b.Run(name, func(b *testing.B) {
			l := New(io.Discard, o)
			defer l.Close(patience)
			log := slog.New(l)
			b.ReportAllocs()
			for i := range b.N {
				client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 1)
				log.LogAttrs(b.Context(), slog.LevelInfo, "session", slog.String("session", "0123456789ab"), slog.String("service", "imaps"), slog.Any("client", client),
					slog.String("user", ""), slog.String("tls", "TLSv1.3"), slog.String("suite", "TLS_AES_128_GCM_SHA256"), slog.String("outcome", "client-gone"))
			}
		})
	}
	b.Run("slog alone", func(b *testing.B) {
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		b.ReportAllocs()
		for range b.N {
			client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 1)
			log.LogAttrs(b.Context(), slog.LevelInfo, "session", slog.String("session", "0123456789ab"), slog.String("service", "imaps"), slog.Any("client", client),
				slog.String("user", ""), slog.String("tls", "TLSv1.3"), slog.String("suite", "TLS_AES_128_GCM_SHA256"), slog.String("outcome", "client-gone"))
		}
	})
}
