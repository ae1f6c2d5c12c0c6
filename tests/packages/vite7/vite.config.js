// Vite up to 7 moves a package to another place while developing, away from the files beside it.
export default { optimizeDeps: { exclude: ["koru-delta"] } };
