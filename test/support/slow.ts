/**
 * True in CI and for `npm run test:slow`. Without it the suite leaves out experiments of more than 20
 * seconds, and what runs every example once more.
 */
export const withSlow = process.env.SLOW === '1'
