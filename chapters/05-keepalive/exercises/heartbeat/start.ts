/**
 * A client that notices when its peer has vanished. The README of this exercise says what will be
 * checked.
 */
import { connect } from 'node:net'

const socket = connect(Number(process.env.PORT), '127.0.0.1')

socket.on('connect', () => {
  // One is not enough: what sends the next ones, and who looks at the clock?
  socket.write('ping 1\n')
})

socket.on('data', chunk => {
  // Something has come: the peer is alive. A chunk is not a line, though.
  console.log(`${chunk.length} bytes`)
})

// What comes when the peer ends the connection? When it resets it? And when it just vanishes?
