/**
 * True in CI and for `npm run test:slow`. Without it the suite leaves out experiments of more than 20
 * seconds, masses of bytes and connections, and what runs once more what another test has run; and it
 * starts the kit's commands in a copy that is compiled already.
 */
export const withSlow = process.env.SLOW === '1'
