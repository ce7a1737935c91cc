// What Embedded Swift asks of a C library, for the engine in a page: memory, and nothing else. The module imports
// nothing, so all it can do is compute.
#include <stddef.h>
#include <stdint.h>

extern unsigned char __heap_base;

// Blocks come in classes, four to each doubling, so that at most a fifth of one is lost; a freed block waits in its
// class's list. Each has its class before it: 16 bytes, which also keeps it aligned.
enum { step = 16, smallest = 32, classes = 112 };
typedef struct block { struct block *next; uint32_t class; uint32_t pad[2]; } block;
static block *waiting[classes];
static uintptr_t fresh, limit;

// The number of the class that holds `size` bytes, and how much that is.
static uint32_t class_of(size_t size, size_t *room) {
    if (size <= smallest) { *room = smallest; return 0; }
    uint32_t bits = 31 - __builtin_clz((uint32_t)(size - 1));
    size_t quarter = (size_t)1 << (bits - 2);
    size_t part = (size - 1) >> (bits - 2);  // 4 to 7
    *room = (part + 1) * quarter;
    return (bits - 5) * 4 + (uint32_t)(part - 4) + 1;
}

static void *allocate(size_t size) {
    if (size > 0x70000000) __builtin_trap();
    size_t room;
    uint32_t class = class_of(size, &room);
    if (waiting[class]) {
        block *found = waiting[class];
        waiting[class] = found->next;
        return (char *)found + step;
    }
    if (!fresh) {
        fresh = ((uintptr_t)&__heap_base + step - 1) & ~(uintptr_t)(step - 1);
        limit = (uintptr_t)__builtin_wasm_memory_size(0) << 16;
    }
    room = (room + step - 1) & ~(size_t)(step - 1);
    size_t bytes = room + step;
    if (limit - fresh < bytes) {
        size_t wanted = bytes - (limit - fresh);
        size_t spare = limit / 8;  // what is asked for grows with what there is
        size_t pages = ((wanted > spare ? wanted : spare) + 0xffff) >> 16;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) {
            pages = (wanted + 0xffff) >> 16;
            if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) __builtin_trap();
        }
        limit = (uintptr_t)__builtin_wasm_memory_size(0) << 16;
    }
    block *made = (block *)fresh;
    fresh += bytes;
    made->class = class;
    return (char *)made + step;
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    // Nothing of Swift's here is aligned to more.
    if (alignment > step) __builtin_trap();
    *result = allocate(size);
    return 0;
}
void *malloc(size_t size) { return allocate(size); }
void free(void *pointer) {
    if (!pointer) return;
    block *freed = (block *)((char *)pointer - step);
    freed->next = waiting[freed->class];
    waiting[freed->class] = freed;
}

// With bulk memory these are instructions, not calls of themselves.
void *memcpy(void *to, const void *from, size_t count) { return __builtin_memcpy(to, from, count); }
void *memmove(void *to, const void *from, size_t count) { return __builtin_memmove(to, from, count); }
void *memset(void *to, int value, size_t count) { return __builtin_memset(to, value, count); }
int memcmp(const void *a, const void *b, size_t count) {
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < count; i++) if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}
size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

// Seeds of hash tables. The same each time: no answer hangs on their order, and there is nobody to be protected from
// but the owner of the page.
void arc4random_buf(void *buffer, size_t count) {
    static uint32_t state = 0x9e3779b9;
    unsigned char *bytes = buffer;
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13; state ^= state >> 17; state ^= state << 5;
        bytes[i] = (unsigned char)state;
    }
}
int putchar(int letter) { return letter; }
uintptr_t __stack_chk_guard = 0x5afe5afe;
void __stack_chk_fail(void) { __builtin_trap(); }

// What numbers of 128 bits need beyond WebAssembly's instructions; written with halves, since on the whole these are the
// operations themselves.
typedef unsigned __int128 wide;
typedef union { wide whole; struct { uint64_t low, high; } half; } halves;

wide __multi3(wide a, wide b) {
    halves one = { .whole = a }, other = { .whole = b }, result;
    uint64_t x = one.half.low, y = other.half.low, mask = 0xffffffff;
    uint64_t low = (x & mask) * (y & mask);
    uint64_t left = (x >> 32) * (y & mask) + (low >> 32);
    uint64_t right = (x & mask) * (y >> 32) + (left & mask);
    result.half.low = right << 32 | (low & mask);
    result.half.high = (x >> 32) * (y >> 32) + (left >> 32) + (right >> 32) + x * other.half.high + one.half.high * y;
    return result.whole;
}
wide __ashlti3(wide a, int count) {
    halves from = { .whole = a }, to = { .whole = 0 };
    if (count >= 64) {
        to.half.high = from.half.low << (count - 64);
    } else {
        to.half.low = from.half.low << count;
        to.half.high = from.half.high << count | (count ? from.half.low >> (64 - count) : 0);
    }
    return to.whole;
}
wide __lshrti3(wide a, int count) {
    halves from = { .whole = a }, to = { .whole = 0 };
    if (count >= 64) {
        to.half.low = from.half.high >> (count - 64);
    } else {
        to.half.high = from.half.high >> count;
        to.half.low = from.half.low >> count | (count ? from.half.high << (64 - count) : 0);
    }
    return to.whole;
}
// Bit by bit: nothing divides so in a loop.
wide __udivti3(wide a, wide b) {
    halves from = { .whole = a }, by = { .whole = b }, rest = { .whole = 0 }, result = { .whole = 0 };
    if (!by.half.low && !by.half.high) __builtin_trap();
    for (int bit = 127; bit >= 0; bit--) {
        uint64_t next = bit >= 64 ? from.half.high >> (bit - 64) & 1 : from.half.low >> bit & 1;
        uint64_t overflow = rest.half.high >> 63;
        rest.half.high = rest.half.high << 1 | rest.half.low >> 63;
        rest.half.low = rest.half.low << 1 | next;
        if (overflow || rest.half.high > by.half.high
            || (rest.half.high == by.half.high && rest.half.low >= by.half.low)) {
            rest.half.high -= by.half.high + (rest.half.low < by.half.low);
            rest.half.low -= by.half.low;
            if (bit >= 64) result.half.high |= (uint64_t)1 << (bit - 64); else result.half.low |= (uint64_t)1 << bit;
        }
    }
    return result.whole;
}

// Halves go away from zero.
double round(double value) {
    double whole = __builtin_trunc(value);
    return __builtin_fabs(value - whole) >= 0.5 ? whole + __builtin_copysign(1, value) : whole;
}
