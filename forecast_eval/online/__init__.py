"""The online half: design, read and compare experiments on stores."""
