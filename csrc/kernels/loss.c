/* loss: filled next */
