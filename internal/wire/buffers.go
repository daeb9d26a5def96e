package wire

import "sync"

// Bulk is the number of bytes that are moved at once: some whole TLS records.
const Bulk = 128 << 10

// LargeBuffer is for bulk data, with room for TLS records around it;
// SmallBuffer is for commands and replies. Both come from pools and are
// returned as soon as they are empty.
type (
	LargeBuffer [Bulk + 1<<10]byte
	SmallBuffer [2 << 10]byte
)

var (
	largeBuffers = sync.Pool{New: func() any { return new(LargeBuffer) }}
	smallBuffers = sync.Pool{New: func() any { return new(SmallBuffer) }}
)

// TakeLarge takes a buffer from the pool.
func TakeLarge() *LargeBuffer { return largeBuffers.Get().(*LargeBuffer) }

// Give returns the buffer to the pool; it must not be used afterwards.
func (b *LargeBuffer) Give() { largeBuffers.Put(b) }

// TakeSmall takes a buffer from the pool.
func TakeSmall() *SmallBuffer { return smallBuffers.Get().(*SmallBuffer) }

// Give returns the buffer to the pool; it must not be used afterwards.
func (b *SmallBuffer) Give() { smallBuffers.Put(b) }
