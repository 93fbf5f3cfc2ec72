/** Unix domain socket client: asks one question and prints the answer. `npm run 01:unix:client` */
import { connect } from 'node:net'
import { exitCannotConnect, exitLost } from '#lib/program/failures.ts'
import { pathIsTooLong, readOptions, unixPath } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 01:unix:client',
  does: 'Asks the server one question over a Unix domain socket and prints its answer.',
  flags: {
    path: unixPath,
    question: { default: 'who is who?', required: true, help: 'what to ask' },
  },
  check: pathIsTooLong,
})

// #region client
const socket = connect(options.path, () => {
  console.log(`connected ${options.path}`)
  socket.write(options.question)
})
socket.setEncoding('utf8')

let answer = ''
socket.on('data', text => {
  answer += text
})
socket.on('end', () => console.log(`answer ${answer.trimEnd()}`))
// #endregion client

let connected = false
socket.once('connect', () => {
  connected = true
})
socket.on('error', error => {
  if (!connected) exitCannotConnect(error, options.path, 'npm run 01:unix:server')
  exitLost(error, options.path)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
