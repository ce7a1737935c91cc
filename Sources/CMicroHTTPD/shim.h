#pragma once
#include <sys/types.h>
#include <sys/socket.h>
#include <microhttpd.h>

// `MHD_start_daemon` takes its options as C does variable arguments, which Swift can't write.
static inline struct MHD_Daemon *hookline_start_daemon(
    int socket, unsigned int seconds, unsigned int connections, size_t header_bytes,
    MHD_AccessHandlerCallback answer, MHD_RequestCompletedCallback completed, void *context) {
    return MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, answer, context, MHD_OPTION_LISTEN_SOCKET, socket,
        MHD_OPTION_CONNECTION_TIMEOUT, seconds, MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, header_bytes, MHD_OPTION_NOTIFY_COMPLETED, completed, context,
        MHD_OPTION_END);
}

// The kinds of values and of memory are closed flag enumerations, whose names Swift changes with its versions.
static inline const char *hookline_header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}
static inline const char *hookline_argument(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}
// A response with a copy of the bytes.
static inline struct MHD_Response *hookline_response(const void *bytes, size_t count) {
    return MHD_create_response_from_buffer(count, (void *)bytes, MHD_RESPMEM_MUST_COPY);
}
