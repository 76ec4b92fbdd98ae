package serve

import (
	"io"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// newLogger writes JSON lines to w. Nothing is sampled: every decision leaves its
// line. The loggers of controller-runtime, of client-go and of the standard library,
// which net/http writes a caller's failed handshakes to, are led there too.
func newLogger(w io.Writer, debug bool) logr.Logger {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	level := zapcore.InfoLevel
	if debug {
		level = zapcore.DebugLevel
	}
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoding), zapcore.Lock(zapcore.AddSync(w)), level))
	// The level is one that exists, which is all that could be wrong.
	_, _ = zap.RedirectStdLogAt(logger.Named("net/http"), zapcore.DebugLevel)
	log := zapr.NewLogger(logger)
	ctrllog.SetLogger(log) // it names its own loggers controller-runtime
	klog.SetLoggerWithOptions(log.WithName("client-go"), klog.ContextualLogger(true))
	return log
}
