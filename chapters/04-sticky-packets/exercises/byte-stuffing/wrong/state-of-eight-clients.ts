import { createServer } from 'node:net'

/** Frames that are not complete, by client; of the latest eight. */
const states = new Map<string, { payload: number[]; escaped: boolean; lost: boolean }>()

createServer({ allowHalfOpen: true }, socket => {
  const name = `${socket.remoteAddress}:${socket.remotePort}`
  socket.on('data', chunk => {
    const state = states.get(name) ?? { payload: [], escaped: false, lost: false }
    states.delete(name)
    states.set(name, state)
    if (states.size > 8) states.delete(states.keys().next().value!)
    for (const byte of chunk) {
      if (byte === 0xc0) {
        const { payload, escaped, lost } = state
        if (payload.length > 0 && !escaped && !lost) socket.write(frame(payload.reverse()))
        Object.assign(state, { payload: [], escaped: false, lost: false })
      } else if (state.escaped) {
        if (byte === 0xdc) state.payload.push(0xc0)
        else if (byte === 0xdd) state.payload.push(0xdb)
        else state.lost = true
        state.escaped = false
      } else if (byte === 0xdb) state.escaped = true
      else if (!state.lost) state.payload.push(byte)
      if (state.payload.length > 1024) state.lost = true
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')

function frame(payload: number[]): Buffer {
  const wire: number[] = []
  for (const byte of payload) {
    if (byte === 0xc0) wire.push(0xdb, 0xdc)
    else if (byte === 0xdb) wire.push(0xdb, 0xdd)
    else wire.push(byte)
  }
  return Buffer.from([...wire, 0xc0])
}
