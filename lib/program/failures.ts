import type { Socket } from 'node:net'

/** The error that Node raises when a system call failed. */
export type SocketError = NodeJS.ErrnoException

/** Says in one line why a server cannot listen, and ends the program with exit code 1. */
export function exitCannotListen(error: SocketError, where: string, command: string): never {
  const cure: Record<string, string> = {
    EADDRINUSE: where.includes('/')
      ? `something is at that path already; choose another: ${command} -- --path TEXT`
      : `that port is taken; any free port: ${command} -- --port 0`,
    EADDRNOTAVAIL: 'no network interface of this machine has that address; try 127.0.0.1',
    // For a path in a folder that does not exist, Node says EACCES as well.
    EACCES: where.includes('/')
      ? 'the path needs a folder that is there, and that you may write to'
      : 'not allowed here; a port below 1024 may need root',
    ENOENT: 'there is no such folder',
    ENOTFOUND: 'no such host name; try 127.0.0.1',
  }
  exitWith(error, `cannot listen on ${where}`, cure)
}

/** Says in one line why a client cannot connect, and ends the program with exit code 1. */
export function exitCannotConnect(error: SocketError, where: string, serverCommand: string): never {
  const cure: Record<string, string> = {
    ECONNREFUSED: `is the server running? ${serverCommand}`,
    ENOENT: `is the server running? ${serverCommand}`,
    ETIMEDOUT: 'nothing answered; the host may be down, or a firewall may drop the packets',
    ENOTFOUND: 'no such host name; try 127.0.0.1',
    EADDRNOTAVAIL: 'no local address or port to connect from is free',
  }
  exitWith(error, `cannot connect to ${where}`, cure)
}

/**
 * Says in one line that an open connection broke, or that what came on it is no frame, and ends the
 * program with exit code 1.
 */
export function exitLost(error: SocketError, where: string): never {
  if (error.code?.startsWith('ERR_FRAME_')) {
    const { code, message } = error
    exitWith(error, `what ${where} sent makes no frames`, {
      [code]: `${message}; is it the server of this example?`,
    })
  }
  const cure: Record<string, string> = {
    ECONNRESET:
      'the peer reset the connection; perhaps it crashed, or closed without reading everything',
    EPIPE: 'the peer has closed the connection; nothing more can be sent',
    ETIMEDOUT: 'the peer stopped answering',
  }
  exitWith(error, `lost the connection to ${where}`, cure)
}

/** Says in one line why a datagram was not sent, and ends the program with exit code 1. */
export function exitCannotSend(error: SocketError, where: string): never {
  const cure: Record<string, string> = {
    EMSGSIZE: 'too long for a datagram; the most are 65507 bytes, 65527 over IPv6',
    ECONNREFUSED: 'nobody listens there any more',
  }
  exitWith(error, `cannot send to ${where}`, cure)
}

/**
 * Says in one line that no answer came over UDP in time, and ends the program with exit code 1.
 *
 * UDP itself says nothing: the question may be lost, or the answer, or nobody may be there.
 */
export function exitUnanswered(where: string, timeoutMs: number, serverCommand: string): never {
  console.error(
    `no answer from ${where} within ${timeoutMs} ms: lost, or nobody there ` +
      `(is the server running? ${serverCommand})`,
  )
  process.exit(1)
}

/** Says in one line that another program answers there, and ends the program with exit code 1. */
export function exitUnknown(where: string, serverCommand: string): never {
  console.error(`whoever answers at ${where} is not the server of this example (${serverCommand})`)
  process.exit(1)
}

/** Says in one line that the peer has ended a connection too early: exit code 1. */
export function exitTooEarly(where: string, serverCommand: string): never {
  console.error(
    `the server at ${where} has ended the connection too early ` +
      `(does it still run, and is it the one of this example? ${serverCommand})`,
  )
  process.exit(1)
}

/**
 * Ends the program by `exitTooEarly` when the peer ends a connection that we have not ended. It takes
 * one that is read to notice: a socket with a listener for `data`, or after `resume()`.
 */
export function exitWhenEnded(socket: Socket, where: string, serverCommand: string): void {
  // In front of Node's own listener, which ends our side as well.
  socket.prependListener('end', () => {
    if (!socket.writableEnded) exitTooEarly(where, serverCommand)
  })
}

/** So long a peer that should speak may say nothing, unless it is told to take its time. */
const SILENT_MS = 10_000

/**
 * Ends the program, in one line and with exit code 1, when nothing has come or gone on a connection
 * for 10 seconds. `socket.setTimeout(0)` calls it off.
 */
export function exitWhenSilent(socket: Socket, where: string, serverCommand: string): Socket {
  return socket.setTimeout(SILENT_MS, () => {
    console.error(
      `${where} has said nothing for ${SILENT_MS / 1000} s ` +
        `(is it the server of this example? ${serverCommand})`,
    )
    process.exit(1)
  })
}

let isNoticed = false

/**
 * Says on standard error, once in a program, when nothing has come or gone on a connection for 10 seconds. The
 * program waits on: a person, or a flag, decides how long.
 */
export function noticeWhenSilent(socket: Socket, where: string, serverCommand: string): Socket {
  return socket.setTimeout(SILENT_MS, () => {
    socket.setTimeout(0)
    if (isNoticed) return
    isNoticed = true
    console.error(
      `nothing from ${where} for ${SILENT_MS / 1000} s; still waiting ` +
        `(is it the server of this example? ${serverCommand})`,
    )
  })
}

function exitWith(error: SocketError, what: string, cures: Record<string, string>): never {
  const code = error.code ?? error.name
  const cure = cures[code]
  console.error(`${what}: ${code}${cure ? ` (${cure})` : ''}`)
  process.exit(1)
}
