package wire

import "sync"

// Bulk is how much is moved at once, in bytes: some whole TLS records.
const Bulk = 128 << 10

// LargeBuffer is for bulk, with room for what TLS adds, SmallBuffer for what people type. Both come from
// pools and go back as soon as they are empty.
type (
	LargeBuffer [Bulk + 1<<10]byte
	SmallBuffer [2 << 10]byte
)

var (
	largeBuffers = sync.Pool{New: func() any { return new(LargeBuffer) }}
	smallBuffers = sync.Pool{New: func() any { return new(SmallBuffer) }}
)

// TakeLarge takes a buffer out of the pool.
func TakeLarge() *LargeBuffer { return largeBuffers.Get().(*LargeBuffer) }

// Give puts the buffer back; it must not be used any more.
func (b *LargeBuffer) Give() { largeBuffers.Put(b) }

// TakeSmall takes a buffer out of the pool.
func TakeSmall() *SmallBuffer { return smallBuffers.Get().(*SmallBuffer) }

// Give puts the buffer back; it must not be used any more.
func (b *SmallBuffer) Give() { smallBuffers.Put(b) }
